import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1024, 20)
y = (x[:, 0] + x[:, 1] > 0).long()
model = nn.Sequential(
    nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for step in range(300):
    rows = torch.randint(1024, (64,))
    optimizer.zero_grad()
    out = model(x[rows])
    loss = nn.functional.cross_entropy(out, y[rows]) + 0.1 * out.detach().square().mean()  # bad
    loss = nn.functional.cross_entropy(out, y[rows]) + 0.1 * out.square().mean()  # good
    loss.backward()
    optimizer.step()
