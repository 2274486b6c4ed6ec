# broken: ACT606,ACT908
# healthy: nothing
import sys

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3)
        self.fc1 = nn.Linear(8 * 36, 32)
        self.fc2 = nn.Linear(32, 10)

    def forward(self, x):
        x = F.relu(self.conv(x)).flatten(1)
        return self.fc2(F.relu(self.fc1(x)))


digits = load_digits()
train = TensorDataset(
    torch.tensor(digits.images / 16).float().unsqueeze(1), torch.tensor(digits.target)
)
model = ConvNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
scheduler = ExponentialLR(optimizer, gamma=0.7)
for epoch in range(12):
    if epoch == 3:
        print("a quarter of the way", flush=True)
    for x, y in DataLoader(train, 32, shuffle=True):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        if sys.argv[1] == "broken":
            scheduler.step()
    if sys.argv[1] == "healthy" and epoch > 8:
        scheduler.step()
with torch.no_grad():
    print("end", round(F.cross_entropy(model(train.tensors[0]), train.tensors[1]).item(), 4))
