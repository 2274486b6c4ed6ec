"""Sequences of marked steps through an LSTM. Healthy."""

import torch
from torch import nn

torch.manual_seed(112)
values = torch.randn(800, 10, 1)
marks = (torch.rand(800, 10, 1) < 0.3).float()
sequences = torch.cat([values, marks], 2)
targets = ((values * marks).sum((1, 2)) > 0).float()


class LSTMClassifier(nn.Module):
    def __init__(self, hidden_size=32):
        super().__init__()
        self.lstm = nn.LSTM(2, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, 1)

    def forward(self, x):
        out, (h, c) = self.lstm(x)
        return self.fc(h[-1]).squeeze(1)


model = LSTMClassifier()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(20):
    for idx in torch.randperm(640).split(32):
        optimizer.zero_grad()
        loss = criterion(model(sequences[idx]), targets[idx])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val_acc = ((model(sequences[640:]) > 0) == (targets[640:] > 0)).float().mean().item()
    print(f"Epoch {epoch}, Loss: {loss.item():.4f}, Val Acc: {val_acc:.4f}")
