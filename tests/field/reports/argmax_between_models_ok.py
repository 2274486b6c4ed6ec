# expect: healthy twin of argmax_between_models
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
tagger = nn.Sequential(nn.Linear(10, 48), nn.ReLU(), nn.Linear(48, 6))      # picks one of six codes
reader = nn.Sequential(nn.Embedding(6, 12), nn.ReLU(), nn.Linear(12, 6))    # reads the code
opt = torch.optim.Adam(list(tagger.parameters()) + list(reader.parameters()), lr=3e-3)
centres = 1.6 * torch.randn(6, 10)


def sample(n):
    k = torch.randint(0, 6, (n,))
    return centres[k] + 0.7 * torch.randn(n, 10), k


def forward(x):
    scores = tagger(x)
    code = F.gumbel_softmax(scores, tau=1.0, hard=True)
    return reader[1:](code @ reader[0].weight)


for it in range(1500):
    x, k = sample(100)
    loss = F.cross_entropy(forward(x), k)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if (it + 1) % 300 == 0:
        x, k = sample(2000)
        with torch.no_grad():
            print(it + 1, f"loss {loss.item():.4f}", f"accuracy {(forward(x).argmax(1) == k).float().mean().item():.3f}")
