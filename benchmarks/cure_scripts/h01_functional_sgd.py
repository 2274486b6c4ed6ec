"""Blobs, weights as plain tensors of a function. Healthy."""

import torch
from sklearn.datasets import make_blobs

torch.manual_seed(1)
x, y = make_blobs(600, centers=4, n_features=8, cluster_std=2.0, random_state=1)
x = torch.tensor((x - x.mean(0)) / x.std(0)).float()
y = torch.tensor(y)


def build():
    net = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.Tanh(), torch.nn.Linear(32, 4))
    return net


def step(net, opt, xb, yb):
    opt.zero_grad()
    loss = torch.nn.functional.cross_entropy(net(xb), yb)
    loss.backward()
    opt.step()
    return loss.item()


def main():
    net = build()
    opt = torch.optim.SGD(net.parameters(), lr=0.3)
    for epoch in range(12):
        order = torch.randperm(500)
        losses = [step(net, opt, x[i], y[i]) for i in order.split(32)]
        with torch.no_grad():
            val = (net(x[500:]).argmax(1) == y[500:]).float().mean()
        print(f"[{epoch}] loss={sum(losses) / len(losses):.3f} val_acc={val:.3f}")


if __name__ == "__main__":
    main()
