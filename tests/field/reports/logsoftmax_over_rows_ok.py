# expect: healthy twin of logsoftmax_over_rows
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
raw = load_digits()
ds = TensorDataset(torch.tensor(raw.data / 16, dtype=torch.float32), torch.tensor(raw.target))
train, val = random_split(ds, [1400, 397])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))

    def forward(self, x):
        return nn.functional.log_softmax(self.features(x), dim=1)


net, nll = Net(), nn.NLLLoss()
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(1, 16):
    for x, y in DataLoader(train, batch_size=64, shuffle=True):
        opt.zero_grad()
        loss = nll(net(x), y)
        loss.backward()
        opt.step()
    if epoch % 3 == 0:
        with torch.no_grad():
            right = sum((net(x).argmax(1) == y).sum().item() for x, y in DataLoader(val, batch_size=1))
        print(f"epoch {epoch}: loss {loss.item():.4f} val accuracy {right / len(val):.3f}")
