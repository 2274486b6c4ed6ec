# expect: the prompt mask covers nearly everything: batches without a single counted label give 0/0 in cross-entropy; cure: mask the prompt only
import torch
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(0)
PROMPT, LENGTH, VOCAB = 6, 12, 16


def example():
    """A prompt, a separator, then the prompt backwards."""
    n = int(torch.randint(2, PROMPT + 1, ()))
    prompt = torch.randint(2, VOCAB, (n,))
    ids = torch.cat([prompt, torch.tensor([1]), prompt.flip(0)])[:LENGTH]
    labels = ids.clone()
    labels[:LENGTH - 1] = -100
    full = torch.zeros(LENGTH, dtype=torch.long)
    mask = torch.full((LENGTH,), -100)
    full[:len(ids)] = ids
    mask[:len(ids)] = labels
    return full, mask


class Tiny(nn.Module):
    def __init__(self, d=48):
        super().__init__()
        self.e = nn.Embedding(VOCAB, d)
        self.r = nn.GRU(d, d, batch_first=True)
        self.o = nn.Linear(d, VOCAB)

    def forward(self, ids):
        return self.o(self.r(self.e(ids))[0])


corpus = [example() for _ in range(1500)]
held = [example() for _ in range(200)]
model = Tiny()
opt = torch.optim.AdamW(model.parameters(), lr=4e-3)
for epoch in range(6):
    for ids, labels in DataLoader(corpus, batch_size=16, shuffle=True):
        logits = model(ids)
        loss = nn.functional.cross_entropy(logits[:, :-1].reshape(-1, VOCAB), labels[:, 1:].reshape(-1), ignore_index=-100)
        opt.zero_grad()
        loss.backward()
        opt.step()
    ids, labels = (torch.stack(t) for t in zip(*held))
    guess, keep = model(ids)[:, :-1].argmax(-1), labels[:, 1:] != -100
    print(f"epoch {epoch} loss {loss.item():.4f} held-out tokens right {(guess == labels[:, 1:])[keep].float().mean().item():.3f}")
