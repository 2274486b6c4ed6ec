"""A decoder and a classifier on one encoder. Sick: sigmoid on standardised pixels. Goal: loss 0.4."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(74)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor((X - X.mean(0)) / (X.std(0) + 0.5)).float(), torch.tensor(Y)


class Both(nn.Module):
    def __init__(self, code=24):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, code))
        self.decode = nn.Sequential(nn.Linear(code, 64), nn.ReLU(), nn.Linear(64, 64), nn.Sigmoid())
        self.classify = nn.Linear(code, 10)

    def forward(self, x):
        z = self.encode(x)
        return self.decode(z), self.classify(z)


net = Both()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(12):
    for i in torch.randperm(1500).split(50):
        made, scores = net(X[i])
        reconstruction = F.mse_loss(made, X[i])
        classification = F.cross_entropy(scores, Y[i])
        loss = 2 * reconstruction + 0.3 * classification
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        made, scores = net(X[1500:])
        accuracy = (scores.argmax(1) == Y[1500:]).float().mean()
    print(
        f"epoch {epoch} mse {reconstruction.item():.3f} ce {classification.item():.3f} "
        f"val_mse {F.mse_loss(made, X[1500:]).item():.3f} val_acc {accuracy.item():.3f}"
    )
