# expect: healthy twin of half_adam_eps
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
x = torch.tensor(d.data / 16).half()
y = torch.tensor(d.target)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)).half()
opt = torch.optim.Adam(net.parameters(), lr=1e-3, eps=1e-4)
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
