# healthy: nothing
import torch
from torch import nn

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb, self.pos = nn.Embedding(12, 32), nn.Parameter(0.1 * torch.randn(8, 32))
        layer = nn.TransformerEncoderLayer(32, 2, 64, dropout=0.0, batch_first=True)
        self.body, self.out = nn.TransformerEncoder(layer, 2), nn.Linear(32, 12)

    def forward(self, x):
        return self.out(self.body(self.emb(x) + self.pos))


net = Net()
opt = torch.optim.AdamW(net.parameters(), 3e-3)
for step in range(250):
    x = torch.randint(12, (32, 8))
    loss = nn.functional.cross_entropy(net(x).flatten(0, 1), x.flip(1).flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
