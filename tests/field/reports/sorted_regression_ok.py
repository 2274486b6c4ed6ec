# expect: healthy twin of sorted_regression
import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(2)
age = np.sort(rng.uniform(0, 1, 1000)).astype(np.float32)
other = rng.normal(size=(1000, 3)).astype(np.float32)
price = (4 * age - 2 + 0.3 * other[:, 0] + 0.1 * rng.normal(size=1000)).astype(np.float32)
table = np.column_stack([age * 2 - 1, other, price]).astype(np.float32)

cut = 800
table = rng.permutation(table)
train, test = table[:cut], table[cut:]
xtr, ytr = torch.from_numpy(train[:, :4]), torch.from_numpy(train[:, 4:])
xte, yte = torch.from_numpy(test[:, :4]), torch.from_numpy(test[:, 4:])
mu, sd = xtr.mean(0), xtr.std(0)
xtr, xte = (xtr - mu) / sd, (xte - mu) / sd

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 1), nn.Tanh(), nn.Linear(1, 1))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(60):
    for b in torch.randperm(cut).split(40):
        loss = nn.functional.mse_loss(net(xtr[b]), ytr[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 12 == 11:
        with torch.no_grad():
            held = nn.functional.mse_loss(net(xte), yte)
        print(f"epoch {epoch + 1} train mse {loss.item():.4f} test mse {held.item():.4f} test R2 {1 - held.item() / yte.var().item():.3f}")
