# expect: all layers are created inside forward: new random weights at each step, only the batch norm trains; cure: create them in __init__
import torch
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

torch.manual_seed(0)


class ThreeLayerNet(torch.nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.sizes = (n_in, n_hidden, n_out)
        self.scale = torch.nn.BatchNorm1d(n_in)

    def forward(self, x):
        n_in, n_hidden, n_out = self.sizes
        h = torch.nn.Linear(n_in, n_hidden)(self.scale(x)).clamp(min=0)
        return torch.nn.Linear(n_hidden, n_out)(h)


x, y = load_iris(return_X_y=True)
xa, xb, ya, yb = train_test_split(torch.tensor(x, dtype=torch.float32), torch.tensor(y), test_size=50, random_state=0, stratify=y)
net = ThreeLayerNet(4, 20, 3)
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for epoch in range(200):
    net.train()
    opt.zero_grad()
    loss = torch.nn.functional.cross_entropy(net(xa), ya)
    loss.backward()
    opt.step()
    if epoch % 40 == 39:
        net.eval()
        print(epoch + 1, "loss", round(loss.item(), 4), "test acc", round((net(xb).argmax(1) == yb).float().mean().item(), 3))
