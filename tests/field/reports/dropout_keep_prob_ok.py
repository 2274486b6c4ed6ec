import torch
from torch import nn, optim
from sklearn.datasets import load_digits

torch.manual_seed(0)
dropout_keep_prob = 0.97
D = load_digits()
Xt = torch.tensor(D.data, dtype=torch.float32).div(16)
yt = torch.tensor(D.target)
n = 1400

net = nn.Sequential(
    nn.Linear(64, 40), nn.ReLU(), nn.Dropout(1 - dropout_keep_prob),
    nn.Linear(40, 40), nn.ReLU(), nn.Dropout(1 - dropout_keep_prob),
    nn.Linear(40, 10),
)
opt = optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
ce = nn.CrossEntropyLoss()
for epoch in range(25):
    net.train()
    order = torch.randperm(n)
    mean_loss = 0.0
    for start in range(0, n, 64):
        rows = order[start:start + 64]
        opt.zero_grad()
        loss = ce(net(Xt[rows]), yt[rows])
        loss.backward()
        opt.step()
        mean_loss += loss.item() * len(rows) / n
    if epoch % 4 == 0:
        net.eval()
        with torch.no_grad():
            out = net(Xt[n:])
        print(f"epoch {epoch:2d} train loss {mean_loss:.3f} val loss {ce(out, yt[n:]).item():.3f} val acc {(out.argmax(1) == yt[n:]).float().mean().item():.3f}")
