"""A regression. Sick: the predictions lose their last axis, the targets keep it. Goal: loss 0.2."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

np.random.seed(43)
torch.manual_seed(43)
x = np.random.uniform(-3, 3, (600, 2))
y = np.sin(x[:, [0]]) * x[:, [1]] + np.random.normal(0, 0.05, (600, 1))
x, y = torch.from_numpy(x).float(), torch.from_numpy(y).float()
x_train, y_train, x_test, y_test = x[:500], y[:500], x[500:], y[500:]


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(2, 64)
        self.l2 = nn.Linear(64, 64)
        self.l3 = nn.Linear(64, 1)

    def forward(self, inputs):
        h = torch.tanh(self.l1(inputs))
        h = torch.tanh(self.l2(h))
        return self.l3(h).squeeze()


net = Regressor()
opt = torch.optim.Adam(net.parameters(), 5e-3)
for epoch in range(40):
    for k in torch.randperm(500).split(50):
        loss = F.mse_loss(net(x_train[k]), y_train[k])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 8 == 0:
        print(f"{epoch:3d} mse {loss.item():.4f}")
