"""Sequences: is the first number large? Sick: Adam at 0.5 on a GRU. Goal: loss 0.5."""

import torch
from torch import nn

torch.manual_seed(24)
seqs = torch.randn(600, 12, 2)
labels = (seqs[:, 0, 0] + seqs[:, 5, 1] > 0).long()


class SeqModel(nn.Module):
    def __init__(self, hidden_size=24):
        super().__init__()
        self.rnn = nn.GRU(2, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, 2)

    def forward(self, x):
        out, _ = self.rnn(x)
        return self.fc(out[:, -1])


model = SeqModel()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.5)
for epoch in range(12):
    for idx in torch.randperm(500).split(25):
        optimizer.zero_grad()
        loss = criterion(model(seqs[idx]), labels[idx])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
    with torch.no_grad():
        acc = (model(seqs[500:]).argmax(1) == labels[500:]).float().mean()
    print(f"Epoch {epoch} val accuracy {acc:.3f}")
