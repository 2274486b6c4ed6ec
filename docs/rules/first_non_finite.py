import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1024, 20)
x[::7] = 0
y = x.norm(dim=1, keepdim=True)
model = nn.Sequential(nn.Linear(20, 64, bias=False), nn.ReLU(), nn.Linear(64, 20, bias=False))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for step in range(300):
    rows = torch.randint(1024, (64,))
    squares = model(x[rows]).square().sum(1, keepdim=True)
    size = squares.sqrt()  # bad
    size = (squares + 1e-6).sqrt()  # good
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(size, y[rows])
    loss.backward()
    optimizer.step()
