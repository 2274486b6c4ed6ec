# expect: two optimizers, only one is cleared: the critic's gradients add up over all steps and training blows up; cure: optimizer_D.zero_grad() too
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)
digits = load_digits()
images = torch.tensor(digits.data / 16.0, dtype=torch.float32)
labels = torch.tensor(digits.target)
train = DataLoader(TensorDataset(images[:1500], labels[:1500]), batch_size=50, shuffle=True)

encoder = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 24), nn.ReLU())
critic = nn.Sequential(nn.Linear(24, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer_E = torch.optim.SGD(encoder.parameters(), lr=0.1, momentum=0.9)
optimizer_D = torch.optim.SGD(critic.parameters(), lr=0.1, momentum=0.9)
criterion = nn.CrossEntropyLoss()

for epoch in range(12):
    running = 0.0
    for x, y in train:
        optimizer_E.zero_grad()
        loss = criterion(critic(encoder(x)), y)
        loss.backward()
        optimizer_E.step()
        optimizer_D.step()
        running += loss.item()
    with torch.no_grad():
        val = (critic(encoder(images[1500:])).argmax(1) == labels[1500:]).float().mean()
    print(f"epoch {epoch:2d}  loss {running / len(train):.4f}  val acc {val:.3f}")
