# expect: healthy twin of adam_eps_tenth
import torch
from torch import nn


class Config:
    lr = 1e-3
    eps = 1e-8
    epochs = 12
    batch = 50


def main(cfg=Config):
    torch.manual_seed(0)
    vocab, dim = 50, 32
    embed = nn.Embedding(vocab, dim)
    rnn = nn.GRU(dim, 32, batch_first=True)
    out = nn.Linear(32, vocab)
    mods = nn.ModuleList([embed, rnn, out])
    opt = torch.optim.Adam(mods.parameters(), lr=cfg.lr, eps=cfg.eps)
    table = torch.randperm(vocab)
    seqs = torch.empty(2000, 9, dtype=torch.long)
    seqs[:, 0] = torch.randint(0, vocab, (2000,))
    for t in range(1, 9):
        seqs[:, t] = table[seqs[:, t - 1]]
    for epoch in range(cfg.epochs):
        for b in seqs[torch.randperm(2000)].split(cfg.batch):
            h, _ = rnn(embed(b[:, :-1]))
            loss = nn.functional.cross_entropy(out(h).flatten(0, 1), b[:, 1:].flatten())
            opt.zero_grad()
            loss.backward()
            opt.step()
        if epoch % 3 == 2:
            print(f"epoch {epoch + 1} loss {loss.item():.4f} perplexity {loss.exp().item():.2f}")


main()
