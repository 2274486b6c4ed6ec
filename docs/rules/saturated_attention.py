import torch
from torch import nn

torch.manual_seed(0)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(64, 64) for _ in range(3))
        self.last = nn.Linear(64, 2)

    def forward(self, x):  # (batch, tokens, features)
        scores = self.query(x) @ self.key(x).transpose(1, 2)
        weights = (scores * 64**0.5).softmax(dim=-1)  # bad
        weights = (scores / 64**0.5).softmax(dim=-1)  # good
        return self.last((weights @ self.value(x)).mean(dim=1))


x = torch.randn(1024, 16, 64)
y = (x[:, :, 0].mean(dim=1) > 0).long()
model = Attention()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for step in range(200):
    rows = torch.randint(1024, (64,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
    loss.backward()
    optimizer.step()
