"""Sorting digits with a transformer, warm-up and cosine. Healthy."""

import math

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

torch.manual_seed(123)
STEPS, WARMUP, N = 250, 25, 5


class Sorter(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.token = nn.Embedding(10, width)
        self.place = nn.Parameter(0.02 * torch.randn(N, width))
        layer = nn.TransformerEncoderLayer(
            width, 4, 96, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        return self.head(self.norm(self.blocks(self.token(x) + self.place)))


def factor(step):
    if step < WARMUP:
        return (step + 1) / WARMUP
    return 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP)))


model = Sorter()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)
scheduler = LambdaLR(optimizer, factor)
for step in range(STEPS):
    x = torch.randint(0, 10, (48, N))
    y = x.sort(1).values
    loss = nn.functional.cross_entropy(model(x).flatten(0, 1), y.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 50 == 49:
        x = torch.randint(0, 10, (200, N))
        with torch.no_grad():
            right = (model(x).argmax(2) == x.sort(1).values).float().mean().item()
        print(f"step {step + 1} loss {loss.item():.4f} val_acc {right:.3f}")
