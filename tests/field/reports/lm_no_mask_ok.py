import torch
import torch.nn as nn

torch.manual_seed(1)
MOD, T = 13, 16


def sequences(n):
    start = torch.randint(MOD, (n, 1))
    stride = torch.randint(1, MOD, (n, 1))
    return (start + stride * torch.arange(T + 1)) % MOD


class TinyLM(nn.Module):
    def __init__(self, d=48, layers=2):
        super().__init__()
        self.tok = nn.Embedding(MOD, d)
        self.pos = nn.Parameter(torch.randn(T, d) * 0.02)
        block = nn.TransformerEncoderLayer(d, 4, 128, dropout=0.0, batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(block, layers, enable_nested_tensor=False)
        self.lm_head = nn.Linear(d, MOD)

    def forward(self, idx):
        t = idx.size(1)
        h = self.tok(idx) + self.pos[:t]
        causal = nn.Transformer.generate_square_subsequent_mask(t)
        return self.lm_head(self.body(h, mask=causal))

    @torch.no_grad()
    def continue_(self, idx, steps):
        for _ in range(steps):
            nxt = self(idx)[:, -1].argmax(-1, keepdim=True)
            idx = torch.cat([idx, nxt], 1)
        return idx


lm = TinyLM()
opt = torch.optim.AdamW(lm.parameters(), lr=3e-3)
for step in range(351):
    seq = sequences(48)
    logits = lm(seq[:, :-1])
    loss = nn.functional.cross_entropy(logits.reshape(-1, MOD), seq[:, 1:].reshape(-1))
    opt.zero_grad(set_to_none=True)
    loss.backward()
    opt.step()
    if step % 50 == 0:
        lm.eval()
        truth = sequences(200)
        made = lm.continue_(truth[:, :6], 8)
        right = (made[:, 6:14] == truth[:, 6:14]).float().mean().item()
        lm.train()
        print(f"step {step} loss {loss.item():.4f} continued correctly {right:.3f}")
