# broken: ACT503 at attention
# healthy: nothing
import math
import sys

import torch
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
KEYS, VALUES, PAIRS, D = 40, 8, 16, 256


class Recall(nn.Module):
    """Which value stood beside this key?"""

    def __init__(self):
        super().__init__()
        self.key, self.value = nn.Embedding(KEYS, D), nn.Embedding(VALUES, D)
        self.wq, self.wk, self.wv = nn.Linear(D, D), nn.Linear(D, D), nn.Linear(D, D)
        self.head = nn.Linear(D, VALUES)

    def forward(self, asked, keys, values):
        q = self.wq(self.key(asked)).unsqueeze(1)
        k, v = self.wk(self.key(keys)), self.wv(self.value(values))
        scores = q @ k.transpose(1, 2)
        scores = scores * math.sqrt(D) if bad else scores / math.sqrt(D)
        weights = torch.softmax(scores, -1)  # <-
        return self.head((weights @ v).squeeze(1))


net = Recall()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for step in range(250):
    keys = torch.rand(64, KEYS).argsort(1)[:, :PAIRS]
    values = torch.randint(VALUES, (64, PAIRS))
    at = torch.randint(PAIRS, (64, 1))
    out = net(keys.gather(1, at).squeeze(1), keys, values)
    loss = nn.functional.cross_entropy(out, values.gather(1, at).squeeze(1))
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
