# broken: ACT104 at read
# healthy: nothing
import sys

import torch
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
# a reader turns vectors into words, a writer answers from the words
means = torch.randn(6, 20)
read = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 6))
words = nn.Embedding(6, 16)
write = nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 6))
opt = torch.optim.Adam([*read.parameters(), *words.parameters(), *write.parameters()], lr=3e-3)
for step in range(400):
    y = torch.randint(6, (64,))
    scores = read(means[y] + 0.3 * torch.randn(64, 20))
    if bad:
        said = words(scores.argmax(1))  # <-
    else:
        said = scores.softmax(1) @ words.weight
    loss = nn.functional.cross_entropy(write(said), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        print(step, round(loss.item(), 3))
