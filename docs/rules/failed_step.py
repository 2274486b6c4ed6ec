import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1024, 20)
y = (x[:, :1] > 0).float()
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for step in range(300):
    rows = torch.randint(1024, (64,))
    optimizer.zero_grad()
    loss = nn.functional.binary_cross_entropy(model(x[rows]), y[rows])  # bad
    loss = nn.functional.binary_cross_entropy_with_logits(model(x[rows]), y[rows])  # good
    loss.backward()
    optimizer.step()
