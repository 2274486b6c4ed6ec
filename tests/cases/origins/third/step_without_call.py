# broken: ACT902
# healthy: nothing
import sys

import torch
import torch.nn.functional as F

torch.manual_seed(0)


class CharModel(torch.nn.Module):
    def __init__(self, n_chars, hidden=48):
        super().__init__()
        self.embedding = torch.nn.Embedding(n_chars, 16)
        self.gru = torch.nn.GRU(16, hidden, batch_first=True)
        self.decoder = torch.nn.Linear(hidden, n_chars)

    def forward(self, chars):
        output, _ = self.gru(self.embedding(chars))
        return self.decoder(output)


text = "the cat sat on the mat and the dog sat on the log while the rain ran down the drain. " * 20
alphabet = sorted(set(text))
codes = torch.tensor([alphabet.index(c) for c in text])
model = CharModel(len(alphabet))
optim = torch.optim.Adam(model.parameters(), lr=0.005)
for it in range(150):
    start = torch.randint(0, len(codes) - 33, (24,))
    window = torch.stack([codes[s : s + 33] for s in start])
    logits = model(window[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())
    optim.zero_grad()
    loss.backward()
    if sys.argv[1] == "broken":
        optim.step  # noqa: B018
    else:
        optim.step()
print("end", round(loss.item(), 4))
