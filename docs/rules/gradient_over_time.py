import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.memory = nn.RNN(1, 32, batch_first=True)
        self.last = nn.Linear(32, 2)
        nn.init.normal_(self.memory.weight_hh_l0, std=0.02)  # bad
        nn.init.orthogonal_(self.memory.weight_hh_l0)  # good

    def forward(self, x):
        return self.last(self.memory(x)[0][:, -1])


x = torch.randn(1024, 30, 1)
y = (x[:, 0, 0] > 0).long()
model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for step in range(300):
    rows = torch.randint(1024, (64,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
