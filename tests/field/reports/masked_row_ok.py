# expect: healthy twin of masked_row
import torch
from torch import nn

torch.manual_seed(0)
PAD = 0


class Pooler(nn.Module):
    """Attention pooling over the words of a sentence."""

    def __init__(self, dim):
        super().__init__()
        self.score = nn.Linear(dim, 1)

    def forward(self, h, words):
        s = self.score(h).squeeze(-1).masked_fill(words == PAD, -1e4)
        return (torch.softmax(s, dim=-1).unsqueeze(-1) * h).sum(-2)


class Document(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.emb = nn.Embedding(30, dim, padding_idx=PAD)
        self.lin = nn.Linear(dim, dim)
        self.words = Pooler(dim)
        self.fc = nn.Linear(dim, 2)

    def forward(self, doc):
        h = torch.tanh(self.lin(self.emb(doc)))
        return self.fc(self.words(h, doc).sum(1))


def documents(n, sentences=4, words=7):
    y = torch.randint(0, 2, (n,))
    doc = torch.randint(3, 30, (n, sentences, words))
    doc[torch.arange(n), 0, torch.randint(0, 3, (n,))] = y + 1
    length = torch.randint(3, words + 1, (n, sentences, 1))
    doc[torch.arange(words).expand(n, sentences, words) >= length] = PAD
    count = torch.randint(2, sentences + 1, (n,))
    doc[torch.arange(sentences).expand(n, sentences) >= count[:, None]] = PAD
    return doc, y


model = Document()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for i in range(1, 501):
    doc, y = documents(32)
    loss = nn.functional.cross_entropy(model(doc), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if i % 100 == 0:
        doc, y = documents(1000)
        print(f"[{i}] loss {loss.item():.4f} acc {(model(doc).argmax(1) == y).float().mean().item():.3f}")
