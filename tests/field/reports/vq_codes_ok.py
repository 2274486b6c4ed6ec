import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
K, DIM = 64, 16
anchors = torch.randn(20, 32)


def data(n):
    return anchors[torch.randint(20, (n,))] + 0.1 * torch.randn(n, 32)


class Quantizer(nn.Module):
    def __init__(self, beta=0.25):
        super().__init__()
        self.codebook = nn.Embedding(K, DIM)
        self.started = False
        self.beta = beta

    def forward(self, z):
        if not self.started:  # begin at encoded rows
            self.codebook.weight.data.copy_(z.detach()[:K])
            self.started = True
        d = torch.cdist(z, self.codebook.weight)
        ids = d.argmin(1)
        q = self.codebook(ids)
        loss = F.mse_loss(q, z.detach()) + self.beta * F.mse_loss(z, q.detach())
        q = z + (q - z).detach()
        usage = torch.bincount(ids, minlength=K).float() / len(ids)
        perplexity = (-(usage * (usage + 1e-10).log()).sum()).exp()
        return q, loss, perplexity


encoder = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, DIM))
decoder = nn.Sequential(nn.Linear(DIM, 64), nn.ReLU(), nn.Linear(64, 32))
vq = Quantizer()
opt = torch.optim.Adam([*encoder.parameters(), *decoder.parameters(), *vq.parameters()], lr=1e-3)

for step in range(1001):
    x = data(128)
    q, vq_loss, ppl = vq(encoder(x))
    recon = F.mse_loss(decoder(q), x)
    loss = recon + vq_loss
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 100 == 0:
        print(f"{step:5d} recon {recon.item():.4f} vq {vq_loss.item():.4f} perplexity {ppl.item():.1f}")
