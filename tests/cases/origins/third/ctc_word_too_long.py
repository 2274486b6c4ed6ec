# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn

torch.manual_seed(0)
LONGEST = 9 if sys.argv[1] == "broken" else 4  # frames: 10, and every repeat needs one between


class Listener(nn.Module):
    def __init__(self, letters=6, hidden=32):
        super().__init__()
        self.rnn = nn.GRU(letters, hidden, bidirectional=True)
        self.out = nn.Linear(2 * hidden, letters)

    def forward(self, frames):
        return self.out(self.rnn(frames)[0]).log_softmax(2)


def words(count=16):
    lengths = torch.randint(2, LONGEST + 1, (count,))
    targets = torch.randint(1, 6, (count, LONGEST))
    frames = torch.zeros(10, count, 6)
    for n, length in enumerate(lengths.tolist()):
        for place in range(length):
            start = place * 10 // length
            frames[start, n, targets[n, place]] = 1
    return frames + 0.1 * torch.randn_like(frames), targets, lengths


net = Listener()
ctc = nn.CTCLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for step in range(200):
    frames, targets, lengths = words()
    log_probs = net(frames)
    loss = ctc(log_probs, targets, torch.full((16,), 10), lengths)  # <- fault
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("end", round(loss.item(), 4))
