"""Wines, four folds, a network each. Healthy."""

import numpy as np
import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from torch import nn


def train_fold(X, y, train, test):
    scaler = StandardScaler().fit(X[train])
    xs = torch.tensor(scaler.transform(X)).float()
    ys = torch.tensor(y)
    net = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Linear(24, 3))
    opt = torch.optim.Adam(net.parameters(), lr=5e-3)
    rows = torch.tensor(train)
    for _ in range(20):
        for i in rows[torch.randperm(len(rows))].split(20):
            loss = nn.functional.cross_entropy(net(xs[i]), ys[i])
            opt.zero_grad()
            loss.backward()
            opt.step()
    with torch.no_grad():
        return (net(xs[test]).argmax(1) == ys[test]).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(122)
    X, y = load_wine(return_X_y=True)
    folds = StratifiedKFold(4, shuffle=True, random_state=122)
    scores = [train_fold(X, y, train, test) for train, test in folds.split(X, y)]
    print("accuracy %.3f +- %.3f" % (np.mean(scores), np.std(scores)))
