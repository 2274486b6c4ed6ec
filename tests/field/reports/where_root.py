# expect: torch.where: the branch that is not taken (sqrt of negatives) still sends NaN back; cure: a safe argument inside the branch
import torch
from torch import nn

torch.manual_seed(0)


def signed_root(z):
    """sqrt for positive values, linear below."""
    return torch.where(z > 0, torch.sqrt(z), 0.5 * z)


class Net(nn.Module):
    def __init__(self, n=32):
        super().__init__()
        self.l1, self.l2, self.l3 = nn.Linear(2, n), nn.Linear(n, n), nn.Linear(n, 1)

    def forward(self, x):
        return self.l3(signed_root(self.l2(signed_root(self.l1(x)))))


x = torch.rand(800, 2) * 4 - 2
y = (x[:, :1] * x[:, 1:]).sin()
net = Net()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(80):
    for xb, yb in zip(x[:700].split(70), y[:700].split(70)):
        opt.zero_grad()
        loss = (net(xb) - yb).square().mean()
        loss.backward()
        opt.step()
    if epoch % 16 == 15:
        with torch.no_grad():
            print(f"epoch {epoch + 1:3d} train {loss.item():.5f} val {(net(x[700:]) - y[700:]).square().mean().item():.5f}")
