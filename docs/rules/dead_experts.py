import torch
from torch import nn

torch.manual_seed(0)


class Mixture(nn.Module):
    def __init__(self):
        super().__init__()
        self.router = nn.Linear(20, 4)
        self.experts = nn.ModuleList(nn.Linear(20, 32) for _ in range(4))
        self.last = nn.Linear(32, 2)
        with torch.no_grad():
            self.router.bias[0] = 6.0  # bad
            self.router.bias.zero_()  # good

    def forward(self, x):
        weight, chosen = self.router(x).softmax(dim=1).topk(1)
        hidden = sum(
            weight * (chosen == at) * torch.relu(expert(x))
            for at, expert in enumerate(self.experts)
        )
        return self.last(hidden)


x = torch.randn(1024, 20)
y = (x[:, 0] + x[:, 1] > 0).long()
model = Mixture()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for step in range(300):
    rows = torch.randint(1024, (64,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
