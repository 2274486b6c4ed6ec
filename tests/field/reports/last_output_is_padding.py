# expect: the output at the last position is read, a hundred padding steps after the words: the signal is lost over time; cure: the output at the last word (or packing)
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pad_sequence

torch.manual_seed(0)


class Sentiment(nn.Module):
    def __init__(self, vocab=40, dim=16):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim, padding_idx=0)
        self.lstm = nn.LSTM(dim, 24, batch_first=True)
        self.fc = nn.Linear(24, 2)

    def forward(self, tokens, lengths):
        out, _ = self.lstm(self.emb(tokens))
        last = out[:, -1]
        return self.fc(last)


def reviews(n, width=120):
    rows, lengths, labels = [], [], torch.randint(0, 2, (n,))
    for y in labels:
        length = int(torch.randint(5, 16, ()))
        words = torch.randint(21, 40, (length,))
        words[torch.randint(0, length, (2,))] = torch.randint(1, 11, (2,)) + 10 * y
        rows.append(words)
        lengths.append(length)
    rows.append(torch.zeros(width, dtype=torch.long))
    return pad_sequence(rows, batch_first=True)[:-1], torch.tensor(lengths), labels


tokens, lengths, labels = reviews(1200)
vt, vl, vy = reviews(300)
net = Sentiment()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(1, 6):
    for b in torch.randperm(1200).split(32):
        loss = F.cross_entropy(net(tokens[b], lengths[b]), labels[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        acc = (net(vt, vl).argmax(1) == vy).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} val acc {acc:.3f}")
