# expect: a name filter freezes all but one norm layer of a network that was never trained; cure: unfreeze (or load) the rest
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)


class Sequence(nn.Module):
    def __init__(self, vocab=20, dim=6):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.encoder = nn.GRU(dim, 8, batch_first=True)
        self.hidden_fc = nn.Linear(8, 8)
        self.head_norm = nn.LayerNorm(8)
        self.out_proj = nn.Linear(8, 5)

    def forward(self, t):
        _, h = self.encoder(self.embed(t))
        return self.out_proj(self.head_norm(torch.tanh(self.hidden_fc(h[-1]))))


def pairs(n):
    t = torch.randint(0, 20, (n, 8))
    return t, (t[:, -1] + t[:, -2]) % 5


model = Sequence()
trainable = ("head",)
for name, p in model.named_parameters():
    p.requires_grad = name.split(".")[0] in trainable or "norm" in name
params = [p for p in model.parameters() if p.requires_grad]
print("training", sum(p.numel() for p in params), "of", sum(p.numel() for p in model.parameters()))
opt = torch.optim.Adam(params, lr=0.01)
for step in range(1, 1501):
    t, y = pairs(128)
    loss = F.cross_entropy(model(t), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 300 == 0:
        model.eval()
        t, y = pairs(2000)
        print(step, f"loss {loss.item():.4f}", f"acc {(model(t).argmax(1) == y).float().mean().item():.3f}")
        model.train()
