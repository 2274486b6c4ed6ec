# broken: ACT503 at self_attn
# healthy: nothing
import sys

import torch
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(2)
WIDTH, LENGTH, TOKENS = 64, 16, 12


class Reverse(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(TOKENS, WIDTH)
        self.places = nn.Parameter(torch.randn(LENGTH, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 128, dropout=0.0, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, TOKENS)
        if bad:
            for each in self.body.layers:
                nn.init.normal_(each.self_attn.in_proj_weight, std=1.0)

    def forward(self, x):
        return self.head(self.body(self.tokens(x) + self.places))


net = Reverse()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
loss_fn = nn.CrossEntropyLoss()
for step in range(300):
    x = torch.randint(TOKENS, (64, LENGTH))
    loss = loss_fn(net(x).flatten(0, 1), x.flip(1).flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", loss.item())
