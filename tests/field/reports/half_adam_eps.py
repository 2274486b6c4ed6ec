# expect: weights in fp16: Adam's eps of 1e-8 is 0 there, and where a gradient is 0 the update is 0/0: NaN after the first step; cure: eps=1e-4, or fp32 weights
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
x = torch.tensor(d.data / 16).half()
y = torch.tensor(d.target)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)).half()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
steps = 0
for epoch in range(8):
    for i in range(0, 1500, 75):
        loss = nn.functional.cross_entropy(net(x[i:i + 75]).float(), y[i:i + 75])
        opt.zero_grad()
        loss.backward()
        opt.step()
        steps += 1
        if steps in (1, 2, 3, 10):
            print("step", steps, "loss", loss.item())
    val = (net(x[1500:]).argmax(1) == y[1500:]).float().mean()
    print(f"epoch {epoch} loss {loss.item():.4f} val {val.item():.3f}")
