# broken: ACT205
# healthy: nothing
import sys
import warnings
import torch
import torch.nn.functional as F
from torch import nn

warnings.filterwarnings("ignore")
torch.manual_seed(0)
# tag every token of a sequence: is it above the running mean of the tokens so far?
X = torch.randn(512, 12, 1)
Y = (X > X.cumsum(1) / torch.arange(1, 13).view(1, 12, 1)).long().squeeze(-1)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(1, 24, batch_first=True)
        self.fc = nn.Linear(24, 2)

    def forward(self, x):
        h, _ = self.rnn(x)
        z = self.fc(h)  # batch, time, tags
        return F.softmax(z) if sys.argv[1] == "broken" else F.softmax(z, dim=-1)


net = Tagger()
opt = torch.optim.Adam(net.parameters(), 5e-3)
for step in range(250):
    i = torch.randint(512, (32,))
    p = net(X[i])
    loss = F.nll_loss(torch.log(p + 1e-9).reshape(-1, 2), Y[i].reshape(-1))
    opt.zero_grad()
    loss.backward()
    opt.step()
