# broken: ACT104 at enc
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

bad = sys.argv[1] == "broken"
torch.manual_seed(0)
x = torch.tensor(load_digits().data, dtype=torch.float32) / 16
enc = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16), nn.Sigmoid())
dec = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64))
opt = torch.optim.Adam([*enc.parameters(), *dec.parameters()], lr=2e-3)
for step in range(400):
    i = torch.randint(len(x), (64,))
    z = enc(x[i])
    q = torch.round(z * 4) / 4  # <-
    code = q if bad else z + (q - z).detach()
    loss = nn.functional.mse_loss(dec(code), x[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
