"""Sequences: does it go up? Sick: SGD at 1e-5 on an LSTM. Goal: loss 0.4."""

import logging

import torch
from torch import nn

logging.basicConfig(level=logging.INFO, format="%(message)s")
log = logging.getLogger(__name__)


class Trend(nn.Module):
    def __init__(self, hidden_size=32):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden_size, batch_first=True)
        self.fc = nn.Linear(hidden_size, 1)

    def forward(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h[-1]).squeeze(-1)


def make_data(n, generator):
    slope = torch.randn(n, 1, generator=generator)
    time = torch.linspace(-1, 1, 12)
    x = slope * time + 0.2 * torch.randn(n, 12, generator=generator)
    return x.unsqueeze(-1), (slope.squeeze(1) > 0).float()


def run(lr=1e-5, epochs=12):
    torch.manual_seed(70)
    g = torch.Generator().manual_seed(70)
    x, y = make_data(800, g)
    xv, yv = make_data(200, g)
    net = Trend()
    opt = torch.optim.SGD(net.parameters(), lr=lr, momentum=0.9, nesterov=True)
    criterion = nn.BCEWithLogitsLoss()
    for epoch in range(epochs):
        for i in torch.randperm(800).split(32):
            loss = criterion(net(x[i]), y[i])
            opt.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            opt.step()
        with torch.no_grad():
            log.info("epoch %d loss %.4f val %.4f", epoch, loss.item(), criterion(net(xv), yv).item())


run()
