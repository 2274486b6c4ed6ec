"""A table of categories and numbers, with embeddings. Healthy."""

import torch
from torch import nn

torch.manual_seed(119)


class Tabular(nn.Module):
    def __init__(self):
        super().__init__()
        self.city = nn.Embedding(12, 6)
        self.kind = nn.Embedding(4, 3)
        self.mlp = nn.Sequential(
            nn.Linear(14, 48), nn.ReLU(), nn.Dropout(0.1), nn.Linear(48, 24), nn.ReLU(), nn.Linear(24, 1)
        )

    def forward(self, city, kind, numbers):
        return self.mlp(torch.cat([self.city(city), self.kind(kind), numbers], 1)).squeeze(1)


city, kind = torch.randint(0, 12, (1500,)), torch.randint(0, 4, (1500,))
numbers = torch.randn(1500, 5)
price = torch.randn(12)[city] + 0.5 * torch.randn(4)[kind] * numbers[:, 0] + torch.tanh(numbers[:, 1])
price = (price - price.mean()) / price.std()
model = Tabular()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=3)
loss_fn = nn.HuberLoss()
for epoch in range(12):
    model.train()
    for i in torch.randperm(1200).split(40):
        optimizer.zero_grad()
        loss = loss_fn(model(city[i], kind[i], numbers[i]), price[i])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val = loss_fn(model(city[1200:], kind[1200:], numbers[1200:]), price[1200:]).item()
    scheduler.step(val)
    print(f"epoch {epoch} train {loss.item():.4f} val {val:.4f}")
