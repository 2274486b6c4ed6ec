# broken: ACT604 line
# healthy: nothing
import sys

import torch
import torch.nn as nn

torch.manual_seed(0)


class StatisticsPooling(nn.Module):
    def forward(self, frames):
        mean = frames.mean(2)
        variance = frames.var(2, unbiased=False)
        if sys.argv[1] == "healthy":
            variance = variance + 1e-6
        deviation = variance.sqrt()  # <- fault
        return torch.cat([mean, deviation], 1)


class Speaker(nn.Module):
    def __init__(self, speakers=4):
        super().__init__()
        self.frames = nn.Sequential(nn.Conv1d(6, 16, 3), nn.ReLU())
        self.pool = StatisticsPooling()
        self.segment = nn.Linear(32, speakers)

    def forward(self, x):
        return self.segment(self.pool(self.frames(x)))


voice = torch.randn(4, 6) * 0.8
who = torch.randint(0, 4, (500,))
talk = torch.randn(500, 6, 20) * (1 + voice[who].abs()).unsqueeze(2) + voice[who].unsqueeze(2)
talk[123] = 0  # the microphone was off
net = Speaker()
optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3)
for epoch in range(8):
    for i in torch.randperm(500).split(25):
        loss = nn.functional.cross_entropy(net(talk[i]), who[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print("end", round(loss.item(), 4))
