"""Rows of digits as tokens of a small transformer. Healthy."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(114)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor(X / 8 - 1).float().view(-1, 8, 8), torch.tensor(Y)


class TinyTransformer(nn.Module):
    def __init__(self, d_model=32):
        super().__init__()
        self.embed = nn.Linear(8, d_model)
        self.position = nn.Parameter(0.02 * torch.randn(8, d_model))
        layer = nn.TransformerEncoderLayer(d_model, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(d_model, 10)

    def forward(self, x):
        return self.head(self.encoder(self.embed(x) + self.position).mean(1))


model = TinyTransformer()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for epoch in range(8):
    for idx in torch.randperm(1500).split(50):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(X[idx]), Y[idx])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        acc = (model(X[1500:]).argmax(1) == Y[1500:]).float().mean()
    print(f"epoch {epoch} loss {loss.item():.4f} val_acc {acc:.4f}")
