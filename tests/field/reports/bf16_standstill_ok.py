# expect: healthy twin of bf16_standstill
import argparse

import torch
from sklearn.datasets import load_digits
from torch import nn

p = argparse.ArgumentParser()
p.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
p.add_argument("--steps", type=int, default=1500)
a = p.parse_args()

torch.manual_seed(0)
dtype = getattr(torch, a.dtype)
d = load_digits()
x = torch.tensor(d.data / 16 - 0.3).to(dtype)
y = torch.tensor(d.target)
model = nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 10)).to(dtype)
for m in model:
    if isinstance(m, nn.Linear):
        nn.init.normal_(m.weight, std=0.2)
start = [q.detach().clone() for q in model.parameters()]
opt = torch.optim.SGD(model.parameters(), lr=2e-3)
for step in range(1, a.steps + 1):
    b = torch.randint(0, 1500, (128,))
    loss = nn.functional.cross_entropy(model(x[b]).float(), y[b])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 300 == 0:
        same = sum((q == s).sum().item() for q, s in zip(model.parameters(), start)) / sum(s.numel() for s in start)
        acc = (model(x[1500:]).argmax(1) == y[1500:]).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} val acc {acc:.3f} weights never moved {same:.2f}")
