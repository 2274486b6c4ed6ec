import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
VOCAB, LEN, PAD = 30, 20, 0

# does the sentence hold more tokens of the upper half than of the lower half?
lengths = torch.randint(5, LEN + 1, (1500,))
tokens = torch.randint(1, VOCAB, (1500, LEN))
attention_mask = (torch.arange(LEN)[None] < lengths[:, None]).long()
tokens = tokens * attention_mask + PAD * (1 - attention_mask)
labels = ((tokens >= VOCAB // 2).sum(1) * 2 > lengths).long()
train = TensorDataset(tokens[:1200], attention_mask[:1200], labels[:1200])
test = (tokens[1200:], attention_mask[1200:], labels[1200:])


class Classifier(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, d, padding_idx=PAD)
        self.att = nn.MultiheadAttention(d, 4, batch_first=True)
        self.norm = nn.LayerNorm(d)
        self.ff = nn.Sequential(nn.Linear(d, 64), nn.GELU(), nn.Linear(64, d))
        self.out = nn.Linear(d, 2)

    def forward(self, x, mask):
        h = self.emb(x)
        a, _ = self.att(h, h, h, key_padding_mask=mask == 0)
        h = self.norm(h + a)
        h = h + self.ff(h)
        w = mask.unsqueeze(-1).float()
        return self.out((h * w).sum(1) / w.sum(1))


model = Classifier()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(10):
    total = 0.0
    for x, m, y in DataLoader(train, batch_size=32, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(model(x, m), y)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(y)
    with torch.no_grad():
        acc = (model(test[0], test[1]).argmax(1) == test[2]).float().mean().item()
    print(f"epoch {epoch}: train loss {total / len(train):.4f}, test accuracy {acc:.3f}")
