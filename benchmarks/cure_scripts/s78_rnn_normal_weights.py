"""Sequences: the last number's sign times the one before. Sick: an RNN of weights N(0, 3). Goal: loss 0.35."""

import torch
from torch import nn

torch.manual_seed(78)


class Model(nn.Module):
    def __init__(self, hidden=48):
        super().__init__()
        self.rnn = nn.RNN(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 2)
        for parameter in self.rnn.parameters():
            nn.init.normal_(parameter, std=3.0)

    def forward(self, x):
        outputs, _ = self.rnn(x)
        return self.head(outputs[:, -1])


def batch(n):
    x = torch.randn(n, 8, 1)
    return x, (x[:, -1, 0] * x[:, -2, 0] > 0).long()


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
val_x, val_y = batch(500)
for step in range(400):
    x, y = batch(48)
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 80 == 79:
        with torch.no_grad():
            print(step, "val_acc", (model(val_x).argmax(1) == val_y).float().mean().item())
