import torch
import torch.nn as nn

torch.manual_seed(0)
D, LATENTS, TRUE = 32, 256, 64
dictionary = nn.functional.normalize(torch.randn(TRUE, D), dim=1)
mean = torch.randn(D) * 3


def activations(n):
    """what a language model's residual stream looks like: sparse features on a large common mean"""
    on = (torch.rand(n, TRUE) < 0.06).float() * (0.5 + torch.rand(n, TRUE))
    return on @ dictionary + mean + 0.02 * torch.randn(n, D)


class SAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.W_enc = nn.Parameter(torch.randn(D, LATENTS) / D**0.5)
        self.b_enc = nn.Parameter(torch.zeros(LATENTS))
        self.W_dec = nn.Parameter(self.W_enc.detach().t().clone())
        self.b_dec = nn.Parameter(torch.zeros(D))

    def forward(self, x):
        f = torch.relu((x - self.b_dec) @ self.W_enc + self.b_enc)
        return f @ self.W_dec + self.b_dec, f


sae = SAE()
optimizer = torch.optim.Adam(sae.parameters(), lr=3e-3)
fired = torch.zeros(LATENTS, dtype=torch.bool)
for step in range(1, 1201):
    x = activations(256)
    x_hat, f = sae(x)
    mse = (x_hat - x).pow(2).sum(1).mean()
    l1 = (f * sae.W_dec.norm(dim=1)).sum(1).mean()
    optimizer.zero_grad()
    (mse + 0.02 * l1).backward()
    optimizer.step()
    fired |= (f > 0).any(0)
    if step % 200 == 0:
        fvu = (mse / (x - x.mean(0)).pow(2).sum(1).mean()).item()
        dead = 1 - fired.float().mean().item()
        print(f"step {step} mse {mse.item():.4f} fvu {fvu:.3f} L0 {(f > 0).float().sum(1).mean().item():.1f} dead {dead:.2f}")
        fired.zero_()
