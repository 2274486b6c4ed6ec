# expect: the loss goes through numpy and comes back as a new leaf with requires_grad=True: backward runs, no weight has a gradient; cure: compute it with torch
import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
rng = np.random.default_rng(0)


def quantile_loss(pred, target, q=0.7):
    pred, target = pred.detach().numpy(), target.numpy()
    diff = target - pred
    value = np.maximum(q * diff, (q - 1) * diff).mean()
    return torch.tensor(value, requires_grad=True)


hours = rng.uniform(0, 24, (1500, 1)).astype("float32")
load = (3 + np.sin(hours / 24 * 6.2832) + 0.3 * rng.standard_normal(hours.shape)).astype("float32")
x = torch.from_numpy(np.concatenate([np.sin(hours / 24 * 6.2832), np.cos(hours / 24 * 6.2832)], 1))
y = torch.from_numpy(load)

model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(30):
    losses = []
    for idx in torch.randperm(len(x)).split(64):
        optimizer.zero_grad()
        loss = quantile_loss(model(x[idx]), y[idx])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    if epoch % 5 == 4:
        below = (y <= model(x)).float().mean().item()
        print(f"epoch {epoch + 1} pinball {np.mean(losses):.4f} share below {below:.3f} (wanted 0.7)")
