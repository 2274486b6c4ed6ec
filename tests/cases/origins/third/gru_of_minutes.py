# broken: ACT609 at gru
# healthy: nothing
import sys

import torch
import torch.nn as nn

torch.manual_seed(0)
LENGTH = 200 if sys.argv[1] == "broken" else 8


class Alarm(nn.Module):
    """Says which of four alarms rang in the first minute."""

    def __init__(self, hidden=24):
        super().__init__()
        self.gru = nn.GRU(5, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 4)

    def forward(self, minutes):
        out, _ = self.gru(minutes)
        return self.fc(out[:, -1])


def recordings(count=32):
    which = torch.randint(0, 4, (count,))
    minutes = torch.randn(count, LENGTH, 5)
    minutes[:, 0] = 0
    minutes[torch.arange(count), 0, which] = 2
    minutes[:, 0, 4] = 2
    return minutes, which


net = Alarm()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for step in range(150 if LENGTH > 8 else 400):
    minutes, which = recordings()
    loss = criterion(net(minutes), which)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("end", round(loss.item(), 4))
