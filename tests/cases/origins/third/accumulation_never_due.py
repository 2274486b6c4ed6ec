# broken: ACT902
# healthy: nothing
import argparse
import sys

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("way")
parser.add_argument("--accumulate", type=int, default=2)
parser.add_argument("--epochs", type=int, default=8)
args = parser.parse_args(sys.argv[1:])

torch.manual_seed(0)
table, sick = load_breast_cancer(return_X_y=True)
table = torch.tensor((table - table.mean(0)) / table.std(0)).float()
data = TensorDataset(table, torch.tensor(sick).float())
loader = DataLoader(data, batch_size=16, shuffle=True)
net = nn.Sequential(nn.Linear(30, 24), nn.GELU(), nn.Linear(24, 1))
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
criterion = nn.BCEWithLogitsLoss()

for epoch in range(args.epochs):
    for batch, (rows, truth) in enumerate(loader):
        loss = criterion(net(rows).squeeze(1), truth) / args.accumulate
        loss.backward()
        due = (batch + 1) % args.accumulate
        if due == (args.accumulate if args.way == "broken" else 0):
            optimizer.step()
            optimizer.zero_grad()
with torch.no_grad():
    print("end", round(criterion(net(table).squeeze(1), data.tensors[1]).item(), 4))
