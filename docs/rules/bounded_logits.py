import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
x = torch.randn(1024, 20)
y = x[:, :5].argmax(1)
body = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32))
prototypes = nn.Parameter(torch.randn(5, 32))
scale = nn.Parameter(torch.tensor(1 / 0.07).log())
optimizer = torch.optim.Adam([*body.parameters(), prototypes, scale], lr=1e-3)

for step in range(300):
    rows = torch.randint(1024, (64,))
    optimizer.zero_grad()
    cosines = F.normalize(body(x[rows])) @ F.normalize(prototypes).T
    logits = cosines  # bad
    logits = scale.exp().clamp(max=100) * cosines  # good
    loss = F.cross_entropy(logits, y[rows])
    loss.backward()
    optimizer.step()
