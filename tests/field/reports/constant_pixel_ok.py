# expect: healthy twin of constant_pixel
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

torch.manual_seed(0)
pixels, target = load_digits(return_X_y=True)
pixels, target = torch.tensor(pixels).float(), torch.tensor(target)
train, test = pixels[:1500], pixels[1500:]
mean, std = train.mean(0), train.std(0).clamp(min=1e-3)
train, test = (train - mean) / std, (test - mean) / std

mlp = torch.nn.Sequential()
for i, (a, b) in enumerate([(64, 100), (100, 50), (50, 10)]):
    mlp.add_module(f"lin{i}", torch.nn.Linear(a, b))
    if b != 10:
        mlp.add_module(f"act{i}", torch.nn.ELU())
sgd = torch.optim.SGD(mlp.parameters(), lr=0.05, momentum=0.8, nesterov=True)

for epoch in range(12):
    for rows in torch.randperm(1500).chunk(30):
        loss = F.cross_entropy(mlp(train[rows]), target[rows])
        sgd.zero_grad()
        loss.backward()
        sgd.step()
    with torch.no_grad():
        acc = (mlp(test).argmax(1) == target[1500:]).double().mean().item()
    print(f"{epoch:2d} loss={loss.item():.4f} test={acc:.4f}")
