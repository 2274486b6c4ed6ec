# expect: healthy twin of accumulate_too_long
import torch
from torch import nn

torch.manual_seed(0)
N, BATCH, ACCUM, EPOCHS = 640, 32, 4, 60


def rings(n):
    label = torch.arange(n) % 2
    angle = 6.2832 * torch.rand(n)
    radius = 0.6 + 0.8 * label + 0.1 * torch.randn(n)
    return torch.stack((radius * angle.cos(), radius * angle.sin()), 1), label


xs, ys = rings(N)
net = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
ce = nn.CrossEntropyLoss()
opt = torch.optim.AdamW(net.parameters(), lr=3e-3)
sched = torch.optim.lr_scheduler.LinearLR(opt, start_factor=1.0, end_factor=0.3, total_iters=EPOCHS)

for epoch in range(EPOCHS):
    order = torch.randperm(N)
    opt.zero_grad()
    mean = 0.0
    for step, idx in enumerate(order.split(BATCH)):
        loss = ce(net(xs[idx]), ys[idx]) / ACCUM
        loss.backward()
        mean += loss.item() * ACCUM * BATCH / N
        if (step + 1) % ACCUM == 0:
            opt.step()
            opt.zero_grad()
    if epoch % 10 == 9:
        vx, vy = rings(500)
        acc = (net(vx).argmax(-1) == vy).float().mean()
        print("epoch", epoch + 1, "loss %.4f" % mean, "held-out accuracy %.3f" % acc)
