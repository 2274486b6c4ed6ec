import torch
from torch import nn

torch.manual_seed(0)


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(20, 64), nn.ReLU())
        self.mean, self.log_variance = nn.Linear(64, 8), nn.Linear(64, 8)
        self.decoder = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 20))

    def forward(self, x):
        hidden = self.encoder(x)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        latent = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        return self.decoder(latent), mean, log_variance


x = torch.randn(1024, 4) @ torch.randn(4, 20)
model = Vae()
beta = 50.0  # bad
beta = 0.05  # good
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)

for step in range(500):
    rows = torch.randint(1024, (64,))
    out, mean, log_variance = model(x[rows])
    distance = (out - x[rows]).square().sum(1).mean()
    kl = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1).mean()
    optimizer.zero_grad()
    loss = distance + beta * kl
    loss.backward()
    optimizer.step()
