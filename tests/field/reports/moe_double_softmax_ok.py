import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
Xtr, Xte, ytr, yte = train_test_split(X / 16.0, y, test_size=0.3, random_state=0)
Xtr, Xte = (torch.tensor(a, dtype=torch.float32) for a in (Xtr, Xte))
ytr, yte = torch.tensor(ytr), torch.tensor(yte)
N_EXPERTS, AUX = 8, 0.5


class Router(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(N_EXPERTS, dim) * 1.5)

    def forward(self, x):
        router_logits = F.linear(x, self.weight)
        router_probs = router_logits.softmax(-1)
        top, idx = router_probs.topk(1, dim=-1)
        return router_logits, top, idx


def load_balancing_loss(router_logits, idx):
    routing_weights = F.softmax(router_logits, dim=-1)
    tokens = F.one_hot(idx.squeeze(-1), N_EXPERTS).float().mean(0)
    return N_EXPERTS * (tokens * routing_weights.mean(0)).sum()


class SparseBlock(nn.Module):
    def __init__(self, dim, hidden=2):
        super().__init__()
        self.gate = Router(dim)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, hidden), nn.SiLU(), nn.Linear(hidden, 10)) for _ in range(N_EXPERTS))

    def forward(self, x):
        logits, top, idx = self.gate(x)
        out = x.new_zeros(len(x), 10)
        for e in idx.unique().tolist():
            rows = torch.where(idx.squeeze(-1) == e)[0]
            out[rows] = top[rows] * self.experts[e](x[rows])
        return out, load_balancing_loss(logits, idx), idx


model = SparseBlock(64)
opt = torch.optim.AdamW(model.parameters(), lr=3e-3)
for epoch in range(40):
    for rows in torch.randperm(len(Xtr)).split(64):
        out, aux, _ = model(Xtr[rows])
        ce = F.cross_entropy(out, ytr[rows])
        opt.zero_grad()
        (ce + AUX * aux).backward()
        opt.step()
    if epoch % 5 == 4:
        with torch.no_grad():
            out, _, idx = model(Xte)
        used = torch.bincount(idx.flatten(), minlength=N_EXPERTS).tolist()
        print(f"epoch {epoch + 1} ce {ce.item():.3f} aux {aux.item():.3f} test acc {(out.argmax(1) == yte).float().mean():.3f} tokens {used}")
