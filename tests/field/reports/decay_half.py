# expect: weight decay of 0.5: all weights shrink to nothing, the output is the same for every input; cure: 5e-4
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
solver = {"base_lr": 0.05, "momentum": 0.9, "weight_decay": 0.5, "max_iter": 900, "display": 150}
d = load_digits()
x, y = torch.tensor(d.images[:, None] / 16, dtype=torch.float32), torch.tensor(d.target)
net = nn.Sequential(nn.Conv2d(1, 12, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(108, 40), nn.ReLU(), nn.Linear(40, 10))
opt = torch.optim.SGD(net.parameters(), lr=solver["base_lr"], momentum=solver["momentum"], weight_decay=solver["weight_decay"])
loss_layer = nn.CrossEntropyLoss()
for it in range(1, solver["max_iter"] + 1):
    pick = torch.randint(0, 1500, (50,))
    loss = loss_layer(net(x[pick]), y[pick])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % solver["display"] == 0:
        with torch.no_grad():
            out = net(x[1500:])
        print(f"Iteration {it}, loss = {loss.item():.4f}, test accuracy = {(out.argmax(1) == y[1500:]).float().mean().item():.3f}, outputs differ by {out.std(0).mean().item():.2e}")
