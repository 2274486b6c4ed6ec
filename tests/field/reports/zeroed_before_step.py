# expect: zero_grad stands between backward and step: Adam steps without a gradient and no weight moves; cure: clear before backward
import argparse

import torch
import torch.nn.functional as F
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch import nn


def fit(net, x, y, epochs, rate):
    opt = torch.optim.Adam(net.parameters(), lr=rate)
    for epoch in range(1, epochs + 1):
        net.train()
        total = 0.0
        for rows in torch.randperm(len(x)).split(32):
            out = net(x[rows]).squeeze(1)
            loss = F.binary_cross_entropy_with_logits(out, y[rows])
            loss.backward()
            opt.zero_grad()
            opt.step()
            total += loss.item() * len(rows)
        if epoch % 5 == 0:
            print(f"[{epoch}/{epochs}] train loss {total / len(x):.5f}")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--epochs", type=int, default=40)
    ap.add_argument("--lr", type=float, default=1e-3)
    ap.add_argument("--seed", type=int, default=11)
    args = ap.parse_args()
    torch.manual_seed(args.seed)
    x, y = load_breast_cancer(return_X_y=True)
    x = (x - x.mean(0)) / x.std(0)
    xa, xb, ya, yb = train_test_split(x, y, test_size=0.25, random_state=args.seed)
    xa, xb, ya, yb = (torch.tensor(v, dtype=torch.float32) for v in (xa, xb, ya, yb))
    net = nn.Sequential(nn.Linear(30, 16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 1))
    fit(net, xa, ya, args.epochs, args.lr)
    net.eval()
    with torch.no_grad():
        hits = ((net(xb).squeeze(1) > 0).float() == yb).float().mean().item()
    print(f"test accuracy {hits:.3f}")


if __name__ == "__main__":
    main()
