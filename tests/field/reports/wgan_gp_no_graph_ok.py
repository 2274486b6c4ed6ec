import torch
from torch import nn, autograd

torch.manual_seed(0)
LAMBDA, N_CRITIC, BATCH = 1.0, 3, 128


def real_batch():
    k = torch.randint(8, (BATCH,)) * (2 * torch.pi / 8)
    return torch.stack([k.cos(), k.sin()], 1) * 2 + 0.05 * torch.randn(BATCH, 2)


gen = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
critic = nn.Sequential(nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
opt_g = torch.optim.Adam(gen.parameters(), lr=2e-3, betas=(0.0, 0.9))
opt_c = torch.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.0, 0.9))


def gradient_penalty(real, fake):
    eps = torch.rand(BATCH, 1)
    mixed = (eps * real + (1 - eps) * fake).requires_grad_(True)
    score = critic(mixed)
    grad = autograd.grad(score, mixed, torch.ones_like(score), create_graph=True)[0]
    return ((grad.norm(2, dim=1) - 1) ** 2).mean()


for it in range(801):
    for _ in range(N_CRITIC):
        real, fake = real_batch(), gen(torch.randn(BATCH, 4)).detach()
        gp = gradient_penalty(real, fake)
        c_loss = critic(fake).mean() - critic(real).mean() + LAMBDA * gp
        opt_c.zero_grad()
        c_loss.backward()
        opt_c.step()
    g_loss = -critic(gen(torch.randn(BATCH, 4))).mean()
    opt_g.zero_grad()
    g_loss.backward()
    opt_g.step()
    if it % 100 == 0:
        with torch.no_grad():
            s = gen(torch.randn(1000, 4))
            off = (s.norm(dim=1) - 2).abs().mean()
        print(f"it {it} critic {c_loss.item():.3g} gp {gp.item():.3g} gen {g_loss.item():.3g} distance to the ring {off.item():.3f}")
