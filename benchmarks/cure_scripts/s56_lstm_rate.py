"""Sequences: does the sum of the marked steps pass zero? Sick: Adam at 1 on an LSTM. Goal: loss 0.35."""

import torch
from torch import nn

torch.manual_seed(56)
values = torch.randn(800, 10, 1)
marks = (torch.rand(800, 10, 1) < 0.3).float()
sequences = torch.cat([values, marks], 2)
targets = ((values * marks).sum((1, 2)) > 0).float()


class LSTMClassifier(nn.Module):
    def __init__(self, hidden_size=32):
        super().__init__()
        self.lstm = nn.LSTM(2, hidden_size, batch_first=True)
        self.dropout = nn.Dropout(0.1)
        self.fc = nn.Linear(hidden_size, 1)

    def forward(self, x):
        out, (h, c) = self.lstm(x)
        return self.fc(self.dropout(h[-1])).squeeze(1)


model = LSTMClassifier()
optimizer = torch.optim.Adam(model.parameters(), lr=1.0)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(15):
    model.train()
    for idx in torch.randperm(640).split(32):
        optimizer.zero_grad()
        loss = criterion(model(sequences[idx]), targets[idx])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        logits = model(sequences[640:])
        val_loss = criterion(logits, targets[640:]).item()
        val_acc = ((logits > 0) == (targets[640:] > 0)).float().mean().item()
    print(f"Epoch {epoch}, Loss: {loss.item():.4f}, Val Loss: {val_loss:.4f}, Val Acc: {val_acc:.4f}")
