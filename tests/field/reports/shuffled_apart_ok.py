# expect: healthy twin of shuffled_apart
import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

torch.manual_seed(0)


def prepare():
    x, y = load_breast_cancer(return_X_y=True)
    x = torch.tensor((x - x.mean(0)) / x.std(0), dtype=torch.float32)
    y = torch.tensor(y, dtype=torch.float32)
    return (x[:400], y[:400]), (x[400:], y[400:])


def epochs(x, y, n, size=40):
    for e in range(n):
        order = torch.randperm(len(x))
        xs, ys = x[order], y[order]
        yield e, zip(xs.split(size), ys.split(size))


(xt, yt), (xv, yv) = prepare()
net = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 1), nn.Flatten(0))
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
lossf = nn.BCEWithLogitsLoss()
for e, batches in epochs(xt, yt, 40):
    net.train()
    for a, b in batches:
        opt.zero_grad()
        loss = lossf(net(a), b)
        loss.backward()
        opt.step()
    if e % 8 == 7:
        net.eval()
        with torch.no_grad():
            s = net(xv)
        print("epoch", e + 1, "loss", round(loss.item(), 4), "val loss", round(lossf(s, yv).item(), 4), "val acc", round(((s > 0) == (yv > 0.5)).float().mean().item(), 3))
