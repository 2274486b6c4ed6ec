"""Names of two tongues by letters, a GRU. Sick: SGD at 20 with momentum. Goal: loss 0.1."""

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

torch.manual_seed(91)
SYLLABLES = (["ka", "to", "mi", "ra", "ne", "su", "ho"], ["ber", "gen", "stein", "wald", "kar", "mut"])
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def name(tongue):
    parts = SYLLABLES[tongue]
    picked = [parts[torch.randint(len(parts), ())] for _ in range(3)]
    text = "".join(picked)[:10].ljust(10, "z")
    return torch.tensor([LETTERS.index(c) for c in text])


labels = torch.randint(0, 2, (700,))
names = torch.stack([name(int(label)) for label in labels])


class NameNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(26, 12)
        self.gru = nn.GRU(12, 24, batch_first=True)
        self.classifier = nn.Linear(24, 2)

    def forward(self, x):
        _, hidden = self.gru(self.embedding(x))
        return self.classifier(hidden.squeeze(0))


net = NameNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=20.0, momentum=0.9)
scheduler = ReduceLROnPlateau(optimizer, patience=5)
for epoch in range(8):
    for i in torch.randperm(500).split(25):
        loss = criterion(net(names[i]), labels[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        valid = criterion(net(names[500:]), labels[500:]).item()
    scheduler.step(valid)
    print(f"epoch {epoch} loss {loss.item():.4f} valid {valid:.4f}")
