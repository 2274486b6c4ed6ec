# expect: the convolutions of a text CNN are in a plain list, so they stay at their random start; cure: nn.ModuleList
import itertools

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Words(Dataset):
    """Sequences of 20 tokens; the class is the order in which three marked tokens occur."""

    grams = list(itertools.permutations((9, 10, 11)))

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.x = torch.randint(0, 9, (n, 20), generator=g)
        self.y = torch.randint(0, 6, (n,), generator=g)
        place = torch.randint(0, 18, (n,), generator=g)
        for i in range(n):
            self.x[i, place[i]:place[i] + 3] = torch.tensor(self.grams[self.y[i]])

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class TextCNN(nn.Module):
    def __init__(self, depth=3, channels=6):
        super().__init__()
        self.emb = nn.Embedding(12, 4)
        self.convs = [nn.Conv1d(4 if i == 0 else channels, channels, 2) for i in range(depth)]
        self.fc = nn.Linear(channels, 6)

    def forward(self, tokens):
        e = self.emb(tokens).transpose(1, 2)
        for conv in self.convs:
            e = torch.relu(conv(e))
        return self.fc(e.amax(2))


torch.manual_seed(0)
train, test = DataLoader(Words(2000, 1), 64, shuffle=True), DataLoader(Words(600, 2), 600)
net = TextCNN()
print("parameters:", sum(p.numel() for p in net.parameters()))
opt = torch.optim.Adam(net.parameters(), lr=6e-3, weight_decay=1e-5)
for epoch in range(10):
    for x, y in train:
        opt.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        opt.step()
    x, y = next(iter(test))
    print(f"epoch {epoch} loss {loss.item():.3f} test acc {(net(x).argmax(1) == y).float().mean().item():.3f}")
