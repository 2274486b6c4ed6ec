"""Sequences of 40 steps through a ReLU network. Sick: SGD without clipping explodes. Goal: loss 0.6."""

import torch
from torch import nn

torch.manual_seed(62)
x = torch.randn(600, 40, 3)
y = (x[:, -8:, 0].mean(1) > 0).long()


class RNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(3, 40, nonlinearity="relu", batch_first=True)
        self.fc = nn.Linear(40, 2)
        nn.init.normal_(self.rnn.weight_hh_l0, std=0.25)

    def forward(self, x):
        _, h = self.rnn(x)
        return self.fc(h[0])


model = RNN()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()
for epoch in range(10):
    for rows in torch.randperm(480).split(24):
        loss = criterion(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val = criterion(model(x[480:]), y[480:])
    print(epoch, f"train {loss.item():.4f} val {val.item():.4f}")
