# broken: ACT605,ACT602
# healthy: nothing
import sys
import torch

torch.manual_seed(0)
# a quadratic curve, one hidden layer of sigmoids written by hand, full batch
x = torch.linspace(-1, 1, 20)[:, None]
y = x**2
w1 = torch.randn(1, 8, requires_grad=True)
b1 = torch.zeros(8, requires_grad=True)
w2 = torch.randn(8, 1, requires_grad=True)
b2 = torch.zeros(1, requires_grad=True)
rate = 300.0 if sys.argv[1] == "broken" else 2.0
opt = torch.optim.SGD([w1, b1, w2, b2], lr=rate)
for i in range(1500):
    h = torch.sigmoid(x @ w1 + b1)
    p = torch.sigmoid(h @ w2 + b2) if sys.argv[1] != "broken" else h @ w2 + b2
    loss = ((p - y) ** 2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
