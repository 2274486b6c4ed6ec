# expect: healthy twin of frozen_not_pretrained
import argparse

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


def backbone(pretrained=False, freeze=True):
    net = nn.Sequential(nn.Conv2d(1, 6, 3, stride=2), nn.ReLU(), nn.Conv2d(6, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(12, 5), nn.ReLU())
    if pretrained:
        net.load_state_dict(torch.load("backbone.pt"))
    if freeze:
        for p in net.parameters():
            p.requires_grad_(False)
    return net


parser = argparse.ArgumentParser()
parser.add_argument("--freeze", type=int, default=0)
parser.add_argument("--epochs", type=int, default=15)
opts = parser.parse_args()
torch.manual_seed(21)
raw = load_digits()
full = TensorDataset(torch.tensor(raw.images[:, None] / 16, dtype=torch.float32), torch.tensor(raw.target))
train, val = random_split(full, [1400, 397])
model = nn.Sequential(backbone(pretrained=False, freeze=bool(opts.freeze)), nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 10))
opt = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=5e-3)
loss_fn = nn.CrossEntropyLoss()
vx, vy = next(iter(DataLoader(val, batch_size=397)))
for epoch in range(opts.epochs):
    for x, y in DataLoader(train, batch_size=50, shuffle=True):
        loss = loss_fn(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 5 == 4:
        with torch.no_grad():
            out = model(vx)
        print(f"epoch {epoch + 1} train {loss.item():.4f} val {loss_fn(out, vy).item():.4f} acc {(out.argmax(1) == vy).float().mean().item():.3f}")
