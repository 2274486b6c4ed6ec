# broken: ACT104 at conv|stem
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16, torch.tensor(y)


class FakeQuant(nn.Module):
    def forward(self, x):
        s = 0.1
        if bad:
            return torch.clamp(torch.floor(x / s + 0.5), 0, 15) * s  # <-
        return torch.fake_quantize_per_tensor_affine(x, s, 0, 0, 15)


net = nn.Sequential()
net.stem, net.r1, net.q1 = nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), FakeQuant()
net.conv2, net.r2, net.q2 = nn.Conv2d(8, 16, 3, padding=1, stride=2), nn.ReLU(), FakeQuant()
net.flat, net.fc = nn.Flatten(), nn.Linear(256, 10)
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for step in range(250):
    i = torch.randint(1700, (64,))
    loss = nn.functional.cross_entropy(net(x[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
