import torch
from torch import nn
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x = torch.tensor(x, dtype=torch.float32).reshape(-1, 1, 8, 8) / 8 - 1
y = torch.tensor(y)
tr, te = slice(0, 1400), slice(1400, None)


class BinaryConv2d(nn.Conv2d):
    def forward(self, inp):
        scale = self.weight.abs().mean((1, 2, 3), keepdim=True).detach()
        w = torch.sign(self.weight) * scale
        return F.conv2d(inp, w, None, self.stride, self.padding)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = BinaryConv2d(1, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = BinaryConv2d(4, 4, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(4)
        self.conv3 = BinaryConv2d(4, 4, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(4)
        self.conv4 = BinaryConv2d(4, 10, 8, bias=False)
        self.bn4 = nn.BatchNorm2d(10)

    def forward(self, x):
        x = F.hardtanh(self.bn1(self.conv1(x)))
        x = F.hardtanh(self.bn2(self.conv2(x)))
        x = F.hardtanh(self.bn3(self.conv3(x)))
        return self.bn4(self.conv4(x)).flatten(1)


net = Net()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(15):
    net.train()
    for idx in torch.randperm(1400).split(64):
        opt.zero_grad()
        loss = F.cross_entropy(net(x[tr][idx]), y[tr][idx])
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        acc = (net(x[te]).argmax(1) == y[te]).float().mean().item()
    print("epoch %d  loss %.3f  test accuracy %.3f" % (epoch, loss.item(), acc))
