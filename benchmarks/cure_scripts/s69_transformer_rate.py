"""Which word comes most often? A transformer. Sick: Adam at 0.1. Goal: loss 0.9."""

import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

torch.manual_seed(69)
VOCAB, LENGTH = 6, 12


def batch(size=48):
    words = torch.randint(0, VOCAB, (size, LENGTH))
    counts = nn.functional.one_hot(words, VOCAB).sum(1)
    return words, counts.argmax(1)


class Counter(nn.Module):
    def __init__(self, d_model=32, nhead=4):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, d_model)
        layer = nn.TransformerEncoderLayer(d_model, nhead, 64, 0.0, "gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(d_model, VOCAB)

    def forward(self, words):
        return self.head(self.encoder(self.embed(words)).mean(1))


model = Counter()
steps = 250
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
scheduler = OneCycleLR(optimizer, max_lr=0.1, total_steps=steps, pct_start=0.1)
held_words, held_labels = batch(400)
for step in range(steps):
    words, labels = batch()
    loss = nn.functional.cross_entropy(model(words), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 50 == 49:
        with torch.no_grad():
            accuracy = (model(held_words).argmax(1) == held_labels).float().mean().item()
        print(f"step {step + 1} loss {loss.item():.3f} accuracy {accuracy:.3f}")
