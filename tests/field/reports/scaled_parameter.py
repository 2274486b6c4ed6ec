# expect: nn.Parameter(...) * 0.5 is a result, not a parameter: both factor tables stay random, only the bias learns; cure: scale before wrapping
import torch
from torch import nn

torch.manual_seed(0)
USERS, ITEMS, K = 120, 90, 4
taste, trait = torch.randn(USERS, K), torch.randn(ITEMS, K)
full = (taste @ trait.t()) / K ** 0.5 + 0.3 * torch.randn(USERS, 1)
mask = torch.rand(USERS, ITEMS) < 0.4
known, hidden = mask.nonzero(), (~mask).nonzero()


class Factors(nn.Module):
    def __init__(self, users, items, k):
        super().__init__()
        self.user = nn.Parameter(torch.randn(users, k)) * 0.5
        self.item = nn.Parameter(torch.randn(items, k)) * 0.5
        self.bias = nn.Parameter(torch.zeros(users))

    def forward(self, u, i):
        return (self.user[u] * self.item[i]).sum(1) + self.bias[u]


model = Factors(USERS, ITEMS, K)
opt = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=1e-5)
held_u, held_i = hidden.t()
for epoch in range(1, 41):
    for rows in known[torch.randperm(len(known))].split(256):
        u, i = rows.t()
        loss = (model(u, i) - full[u, i]).square().mean()
        opt.zero_grad()
        loss.backward(retain_graph=True)
        opt.step()
    if epoch % 8 == 0:
        with torch.no_grad():
            rmse = (model(held_u, held_i) - full[held_u, held_i]).square().mean().sqrt().item()
        print(f"epoch {epoch} train mse {loss.item():.4f} held-out rmse {rmse:.4f} (deviation {full.std().item():.4f})")
