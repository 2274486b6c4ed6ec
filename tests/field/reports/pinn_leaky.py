import torch
import torch.nn as nn

torch.manual_seed(0)
PI = torch.pi

# -laplace(u) = 2 pi^2 sin(pi x) sin(pi y) on the unit square, u = 0 on its edge


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.lin = nn.Linear(width, width)
        self.act = nn.LeakyReLU(0.1)

    def forward(self, h):
        return h + self.act(self.lin(h))


class PDE(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.inp = nn.Linear(2, width)
        self.blocks = nn.ModuleList([Block(width) for _ in range(3)])
        self.out = nn.Linear(width, 1)

    def forward(self, xy):
        h = self.inp(xy)
        for b in self.blocks:
            h = b(h)
        return self.out(h)


def laplace(u, xy):
    g = torch.autograd.grad(u.sum(), xy, create_graph=True)[0]
    total = 0
    for i in range(2):
        gg = torch.autograd.grad(g[:, i].sum(), xy, create_graph=True, allow_unused=True)[0]
        total = total + (gg[:, i] if gg is not None else torch.zeros(len(xy)))
    return total


def boundary(n):
    t, s = torch.rand(n), torch.randint(0, 2, (n,)).float()
    p = torch.stack([t, s], 1)
    flip = torch.rand(n) < 0.5
    p[flip] = p[flip].flip(1)
    return p


net = PDE()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
grid = torch.cartesian_prod(torch.linspace(0, 1, 21), torch.linspace(0, 1, 21))
exact = (torch.sin(PI * grid[:, :1]) * torch.sin(PI * grid[:, 1:]))
for it in range(1001):
    xy = torch.rand(128, 2, requires_grad=True)
    rhs = 2 * PI**2 * torch.sin(PI * xy[:, 0]) * torch.sin(PI * xy[:, 1])
    pde = ((laplace(net(xy), xy) + rhs) ** 2).mean()
    bc = (net(boundary(64)) ** 2).mean()
    loss = pde + 100 * bc
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 200 == 0:
        with torch.no_grad():
            err = ((net(grid) - exact).norm() / exact.norm()).item()
        print(f"it {it} pde {pde.item():.4f} bc {bc.item():.6f} relative error {err:.4f}")
