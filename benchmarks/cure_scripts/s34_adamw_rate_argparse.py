"""Digits with an MLP of GELUs. Sick: AdamW's rate, an option's default. Goal: loss 0.5."""

import argparse

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn, optim


def parse():
    parser = argparse.ArgumentParser(description="train a digit classifier")
    parser.add_argument("--learning-rate", type=float, default=0.2)
    parser.add_argument("--hidden", type=int, nargs="+", default=[96, 96, 96])
    parser.add_argument("--epochs", type=int, default=10)
    return parser.parse_args()


def build(hidden):
    sizes, layers = [64, *hidden], []
    for n_in, n_out in zip(sizes, sizes[1:]):
        layers += [nn.Linear(n_in, n_out), nn.GELU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], 10))


def main(args):
    torch.manual_seed(34)
    X, Y = load_digits(return_X_y=True)
    X, Y = torch.tensor(X / 16).float(), torch.tensor(Y)
    model = build(args.hidden)
    opt = optim.AdamW(model.parameters(), lr=args.learning_rate)
    sched = optim.lr_scheduler.LinearLR(opt, 1.0, 0.3, total_iters=args.epochs)
    for epoch in range(args.epochs):
        model.train()
        for batch in torch.randperm(1500).split(50):
            opt.zero_grad()
            loss = F.cross_entropy(model(X[batch]), Y[batch])
            loss.backward()
            opt.step()
        sched.step()
        model.eval()
        with torch.no_grad():
            out = model(X[1500:])
            acc = (out.argmax(-1) == Y[1500:]).float().mean().item()
            print(f"Epoch {epoch + 1}: val loss {F.cross_entropy(out, Y[1500:]):.4f}, val accuracy {acc:.4f}")


if __name__ == "__main__":
    main(parse())
