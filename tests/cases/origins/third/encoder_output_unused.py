# broken: ACT904 at encoder|lstm
# healthy: nothing
import sys

import torch
import torch.nn as nn

torch.manual_seed(0)


class Tagger(nn.Module):
    """Says for each letter whether the letter before it was a vowel."""

    def __init__(self, letters=26, width=16, hidden=24):
        super().__init__()
        self.embed = nn.Embedding(letters, width)
        self.encoder = nn.LSTM(width, hidden, batch_first=True)
        self.project = nn.Linear(width, hidden)
        self.tag = nn.Linear(hidden, 2)
        self.next_letter = nn.Linear(hidden, letters)  # for another task

    def forward(self, letters):
        x = self.embed(letters)
        h, _ = self.encoder(x)
        h = torch.relu(self.project(x) if sys.argv[1] == "broken" else self.project(x) + h)
        return self.tag(h)


vowels = torch.tensor([c in "aeiou" for c in "abcdefghijklmnopqrstuvwxyz"])
model = Tagger()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
loss_fn = nn.CrossEntropyLoss()
for step in range(250):
    letters = torch.randint(0, 26, (32, 12))
    tags = torch.zeros(32, 12, dtype=torch.long)
    tags[:, 1:] = vowels[letters[:, :-1]].long()
    loss = loss_fn(model(letters).flatten(0, 1), tags.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("end", round(loss.item(), 4))
