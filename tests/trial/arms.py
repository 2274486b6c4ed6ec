"""A small script to be tried, and arms for it."""

from relume.core.trial import Arm, Edit

SCRIPT = """
import sys
import torch
torch.manual_seed(3)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x, y = torch.randn(96, 4), torch.randint(3, (96,))
for step in range({steps}):
    pick = torch.randperm(96)[:32]
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(x[pick]), y[pick])
    loss.backward()
    optimizer.step()
    {each}
{end}
"""
SLOWER = Arm("slower", (Edit("lower-learning-rate", {"factor": 0.1}, text="lr times 0.1"),))
BASE = Arm("base", role="base")
