"""Digits in a loop of one's own with Accelerate; `--broken` starts with dead units."""

import sys

import torch
from accelerate import Accelerator
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32)
x = (x - x.mean()) / x.std()
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
if "--broken" in sys.argv:
    nn.init.constant_(model[2].bias, -20.0)
accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
data = DataLoader(TensorDataset(x, torch.tensor(digits.target)), batch_size=32, shuffle=True)
model, optimizer, data = accelerator.prepare(model, torch.optim.Adam(model.parameters()), data)
for _ in range(8):
    total = 0.0
    for inputs, labels in data:
        with accelerator.accumulate(model):
            loss = nn.functional.cross_entropy(model(inputs), labels)
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
        total += loss.item() / len(data)
print(f"loss {total:.6f}")
