# broken: ACT301,ACT501
# healthy: nothing
import sys
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X, y = torch.tensor(d.data, dtype=torch.float32), torch.tensor(d.target)
X = (X - X.mean(0)) / (X.std(0) + 1e-3)


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(64, 100)] + [nn.Linear(100, 100) for _ in range(5)])
        self.head = nn.Linear(100, 10)
        for m in self.modules():
            if isinstance(m, nn.Linear):
                if sys.argv[1] == "broken":
                    nn.init.normal_(m.weight, 0, 3)
                else:
                    nn.init.xavier_uniform_(m.weight)

    def forward(self, x):
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return self.head(x)


net = Deep()
opt = torch.optim.SGD(net.parameters(), lr=0.01)
for step in range(400):
    i = torch.randint(len(X), (64,))
    loss = nn.CrossEntropyLoss()(net(X[i]), y[i])
    opt.zero_grad()
    loss.backward()
    opt.step()
