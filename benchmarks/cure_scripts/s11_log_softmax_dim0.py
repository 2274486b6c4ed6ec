"""Digits. Sick: log-softmax over the batch. Goal: loss 0.6."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(11)
d = load_digits()
X, Y = torch.tensor(d.data / 16).float(), torch.tensor(d.target)


class LogReg(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        h = F.leaky_relu(self.fc1(x), 0.1)
        return F.log_softmax(self.fc2(h), dim=0)


model = LogReg()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
lossfunc = nn.NLLLoss()
for epoch in range(8):
    for i in range(0, 1472, 64):
        optimizer.zero_grad()
        out = model(X[i : i + 64])
        loss = lossfunc(out, Y[i : i + 64])
        loss.backward()
        optimizer.step()
    print(f"epoch={epoch} loss={loss.item():.4f}")
