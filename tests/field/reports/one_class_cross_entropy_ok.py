# expect: healthy twin of one_class_cross_entropy
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
signal = torch.randn(1600, 1, 48) * 0.5
event = (torch.rand(1600) < 0.5).long()
t = torch.arange(48)
for i in event.nonzero().flatten():
    at = torch.randint(8, 40, ())
    signal[i, 0] += torch.exp(-0.5 * ((t - at) / 2.0) ** 2) * 2.5

detector = nn.Sequential(nn.Conv1d(1, 8, 7, padding=3), nn.ReLU(), nn.MaxPool1d(4), nn.Conv1d(8, 8, 5), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(8, 1))
loader = DataLoader(TensorDataset(signal[:1200], event[:1200]), batch_size=40, shuffle=True)
opt = torch.optim.Adam(detector.parameters(), lr=3e-3)
for epoch in range(1, 11):
    total = 0.0
    for x, y in loader:
        out = detector(x)
        onehot = y.float().unsqueeze(1)
        loss = F.binary_cross_entropy_with_logits(out, onehot)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    with torch.no_grad():
        acc = ((detector(signal[1200:]).squeeze(1) > 0).long() == event[1200:]).float().mean().item()
    print(f"epoch {epoch} loss {total / len(loader):.5f} val acc {acc:.3f}")
