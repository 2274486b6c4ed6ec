# broken: ACT903,ACT902,ACT904
# healthy: nothing
import copy
import sys

import torch
from sklearn.datasets import make_circles
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

torch.manual_seed(0)
X, y = make_circles(600, noise=0.08, factor=0.5, random_state=0)
X, y = torch.tensor(X).float(), torch.tensor(y).float()

net = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(0.9))
trained = average if sys.argv[1] == "broken" else net
optimizer = torch.optim.Adam(trained.parameters(), lr=5e-3)
best, lowest = copy.deepcopy(net.state_dict()), float("inf")
for epoch in range(15):
    for i in torch.randperm(600).split(30):
        loss = nn.functional.binary_cross_entropy_with_logits(net(X[i]).squeeze(1), y[i])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        average.update_parameters(net)
    if loss.item() < lowest:
        best, lowest = copy.deepcopy(net.state_dict()), loss.item()
net.load_state_dict(best)
print("end", round(lowest, 4))
