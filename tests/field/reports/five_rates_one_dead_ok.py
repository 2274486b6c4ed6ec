# expect: healthy twin of five_rates_one_dead
import torch
from sklearn.datasets import make_circles
from torch import nn

X, y = make_circles(800, noise=0.08, factor=0.4, random_state=0)
X, y = torch.tensor(X).float(), torch.tensor(y).float().unsqueeze(1)


def network(width, gain):
    layers = [nn.Linear(2, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1)]
    for m in layers:
        if isinstance(m, nn.Linear):
            nn.init.normal_(m.weight, std=gain / m.in_features ** 0.5)
            nn.init.zeros_(m.bias)
    return nn.Sequential(*layers)


def train(rate, seed, steps=250):
    torch.manual_seed(seed)
    net = network(24, 1.4)
    opt = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9)
    lossf = nn.BCEWithLogitsLoss()
    for _ in range(steps):
        b = torch.randint(0, 600, (60,))
        loss = lossf(net(X[b]), y[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        out = net(X[600:])
        return lossf(out, y[600:]).item(), ((out > 0) == (y[600:] > 0.5)).float().mean().item()


for rate in (0.02, 0.05, 0.1, 0.15, 0.2):
    loss, acc = train(rate, seed=int(rate * 100))
    print(f"rate {rate:5.2f} test loss {loss:9.4f} test accuracy {acc:.3f}")
