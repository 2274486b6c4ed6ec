# broken: ACT905
# healthy: nothing
import sys

import torch
from torch import nn

torch.manual_seed(0)


class Selector(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.width = width
        self.embed = nn.Embedding(20, width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.head = nn.Linear(width, 20)

    def forward(self, tokens):
        h = self.embed(tokens)
        attention = self.attention
        if sys.argv[1] == "broken":
            attention = nn.MultiheadAttention(self.width, 2, batch_first=True)
        mixed, _ = attention(h, h, h, need_weights=False)
        return self.head(mixed.mean(1))


model = Selector()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
loss_function = nn.CrossEntropyLoss()
for step in range(300):
    tokens = torch.randint(0, 20, (64, 6))
    wanted = tokens.max(1).values
    loss = loss_function(model(tokens), wanted)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        print(step, loss.item())
print("end", round(loss.item(), 4))
