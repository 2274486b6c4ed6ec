# broken: ACT605,ACT602
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn, optim

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float().view(-1, 1, 8, 8), torch.tensor(y)


def conv_block(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(inplace=True))


net = nn.Sequential(
    conv_block(1, 8),
    conv_block(8, 8),
    nn.MaxPool2d(2),
    conv_block(8, 16),
    nn.Flatten(),
    nn.Linear(256, 64),
    nn.ReLU(inplace=True),
    nn.Linear(64, 10),
)
opt = optim.RMSprop(net.parameters(), lr=0.2 if sys.argv[1] == "broken" else 1e-3)
for epoch in range(4):
    for i in torch.randperm(1792).split(64):
        loss = nn.functional.cross_entropy(net(X[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(f"{epoch} {loss.item():.4f}")
print("end", round(nn.functional.cross_entropy(net(X), y).item(), 4))
