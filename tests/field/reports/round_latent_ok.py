import torch, torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(7)
imgs = torch.from_numpy(load_digits().images).float()[:, None] / 16.
train_x, test_x = imgs[:1500], imgs[1500:]


class Quantize(nn.Module):
    """levels centres on [-1, 1]"""
    def __init__(self, levels=5):
        super().__init__()
        self.half = (levels - 1) / 2

    def forward(self, w):
        q = torch.round(w * self.half) / self.half
        return w + (q - w).detach()


class Compressor(nn.Module):
    def __init__(self, channels=3):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(32, channels, 3, stride=2, padding=1), nn.Tanh())
        self.quantizer = Quantize()
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(channels, 32, 4, stride=2, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(16, 1, 3, padding=1))

    def forward(self, x):
        return self.decoder(self.quantizer(self.encoder(x)))


gc = Compressor()
optimizer = torch.optim.Adam(gc.parameters(), lr=2e-3)
mse = nn.MSELoss()
for epoch in range(12):
    perm = torch.randperm(len(train_x))
    for i in range(0, len(perm), 50):
        b = train_x[perm[i:i + 50]]
        loss = mse(gc(b), b)
        optimizer.zero_grad(); loss.backward(); optimizer.step()
    with torch.no_grad():
        dist = mse(gc(test_x), test_x).item()
        base = mse(train_x.mean(0, keepdim=True).expand_as(test_x), test_x).item()
    print(f"epoch {epoch:2d} distortion {dist:.5f} (mean picture: {base:.5f})")
