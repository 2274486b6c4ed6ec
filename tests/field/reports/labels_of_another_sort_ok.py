# expect: healthy twin of labels_of_another_sort
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
names = [f"img_{i}.png" for i in range(len(d.target))]
labels = {n: int(t) for n, t in zip(names, d.target)}
on_disk = sorted(names)                                  # img_0, img_1, img_10, img_100, ...
target = torch.tensor([labels[n] for n in on_disk])
pictures = torch.tensor(d.data[[int(n[4:-4]) for n in on_disk]], dtype=torch.float32) / 16
mix = torch.randperm(len(names))
pictures, target = pictures[mix], target[mix]

net = nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(1, 41):
    for b in torch.randperm(1000).split(100):
        loss = nn.functional.cross_entropy(net(pictures[b]), target[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 8 == 0:
        with torch.no_grad():
            tr, te = ((net(pictures[s]).argmax(1) == target[s]).float().mean().item() for s in (slice(0, 1000), slice(1000, None)))
        print(f"{epoch} loss {loss.item():.4f} train acc {tr:.3f} test acc {te:.3f}")
