# expect: healthy twin of view_for_permute
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)


class Frames(nn.Module):
    """LSTM over time first, then one decision per recording."""

    def __init__(self, feat=5, hidden=12, classes=4):
        super().__init__()
        self.lstm = nn.LSTM(feat, hidden)
        self.fc1 = nn.Linear(hidden * 10, 32)
        self.fc2 = nn.Linear(32, classes)

    def forward(self, x):
        b = x.size(0)
        out, _ = self.lstm(x.transpose(0, 1))
        flat = out.transpose(0, 1).reshape(b, -1)
        return self.fc2(F.relu(self.fc1(flat)))


patterns = torch.randn(4, 10, 5)


def recordings(n):
    y = torch.randint(0, 4, (n,))
    return patterns[y] + 1.2 * torch.randn(n, 10, 5), y


net = Frames()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for step in range(1, 601):
    x, y = recordings(32)
    loss = F.cross_entropy(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        with torch.no_grad():
            x, y = recordings(1600)
            acc = torch.stack([(net(a).argmax(1) == b).float().mean() for a, b in zip(x.split(32), y.split(32))]).mean()
        print(f"{step:4d} loss {loss.item():.4f} accuracy {acc.item():.3f}")
