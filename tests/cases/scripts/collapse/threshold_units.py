# broken: ACT104 at fc
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(1)
x, y = load_breast_cancer(return_X_y=True)
x = torch.tensor(x, dtype=torch.float32)
x, y = (x - x.mean(0)) / x.std(0), torch.tensor(y, dtype=torch.float32)[:, None]


class Perceptrons(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.out = nn.Linear(30, 32), nn.Linear(32, 32), nn.Linear(32, 1)

    def fire(self, z):
        step = (z > 0).float()  # <-
        soft = torch.sigmoid(4 * z)
        return step if bad else soft + (step - soft).detach()

    def forward(self, x):
        return self.out(self.fire(self.fc2(self.fire(self.fc1(x)))))


net = Perceptrons()
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for epoch in range(40):
    for i in torch.randperm(len(x)).split(64):
        loss = nn.functional.binary_cross_entropy_with_logits(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("end", float(loss))
