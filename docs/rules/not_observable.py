import torch
from torch import nn

torch.manual_seed(0)


class Square(torch.autograd.Function):  # bad
    @staticmethod  # bad
    def forward(ctx, z):  # bad
        ctx.save_for_backward(z)  # bad
        return z * z  # bad

    @staticmethod  # bad
    def backward(ctx, grad):  # bad
        return 2 * ctx.saved_tensors[0] * grad  # bad


def square(z):  # good
    return z * z  # good


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(20, 64), nn.Linear(64, 2)

    def forward(self, x):
        return self.last(Square.apply(self.first(x)))  # bad
        return self.last(square(self.first(x)))  # good


x = torch.randn(1024, 20)
y = (x[:, 0] + x[:, 1] > 0).long()
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for step in range(300):
    rows = torch.randint(1024, (64,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
