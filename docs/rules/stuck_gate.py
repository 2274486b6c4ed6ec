import torch
from torch import nn

torch.manual_seed(0)


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.signal, self.gate = nn.Linear(20, 64), nn.Linear(20, 64)
        self.last = nn.Linear(64, 2)
        nn.init.constant_(self.gate.bias, -12.0)  # bad
        nn.init.zeros_(self.gate.bias)  # good

    def forward(self, x):
        return self.last(torch.tanh(self.signal(x)) * torch.sigmoid(self.gate(x)))


x = torch.randn(1024, 20)
y = (x[:, 0] + x[:, 1] > 0).long()
model = Gated()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

for step in range(300):
    rows = torch.randint(1024, (64,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
