import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(0)
digits = load_digits()
real_images = torch.tensor(digits.data[digits.target == 3], dtype=torch.float32) / 8 - 1
NOISE, BATCH = 16, 32

netG = nn.Sequential(
    nn.Linear(NOISE, 128), nn.BatchNorm1d(128), nn.ReLU(),
    nn.Linear(128, 128), nn.BatchNorm1d(128), nn.ReLU(),
    nn.Linear(128, 64), nn.Tanh())
netD = nn.Sequential(
    nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Dropout(0.3),
    nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(64, 1))
criterion = nn.BCEWithLogitsLoss()
optG = torch.optim.Adam(netG.parameters(), lr=5e-4, betas=(0.5, 0.999))
optD = torch.optim.Adam(netD.parameters(), lr=5e-4, betas=(0.5, 0.999))

for it in range(1501):
    real = real_images[torch.randint(len(real_images), (BATCH,))]
    fake = netG(torch.randn(BATCH, NOISE))

    optD.zero_grad()
    d_loss = criterion(netD(real), torch.ones(BATCH, 1)) + criterion(netD(fake.detach()), torch.zeros(BATCH, 1))
    d_loss.backward()
    optD.step()

    optG.zero_grad()
    g_loss = criterion(netD(fake), torch.ones(BATCH, 1))
    g_loss.backward()
    optG.step()
    if it % 250 == 0:
        with torch.no_grad():
            sample = netG(torch.randn(500, NOISE))
            gap = (sample.mean(0) - real_images.mean(0)).norm() / real_images.mean(0).norm()
        print(f"[{it}] Loss_D {d_loss.item():.4f} Loss_G {g_loss.item():.4f} fake in [{sample.min():.2f}, {sample.max():.2f}] "
              f"real in [{real_images.min():.0f}, {real_images.max():.0f}] distance of the mean picture {gap.item():.3f}")
