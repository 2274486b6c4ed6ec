# expect: healthy twin of wine_as_it_is
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

torch.manual_seed(0)
data = load_wine()
Xa, Xb, ya, yb = train_test_split(data.data, data.target, test_size=0.3, stratify=data.target, random_state=0)
Xa, Xb = torch.tensor(Xa).float(), torch.tensor(Xb).float()
mean, std = Xa.mean(0), Xa.std(0)
Xa, Xb = (Xa - mean) / std, (Xb - mean) / std
ya, yb = torch.tensor(ya), torch.tensor(yb)

model = nn.Sequential(nn.Linear(13, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
criterion = nn.CrossEntropyLoss()
for epoch in range(120):
    model.train()
    for idx in torch.randperm(len(Xa)).split(31):
        optimizer.zero_grad()
        loss = criterion(model(Xa[idx]), ya[idx])
        loss.backward()
        optimizer.step()
    if (epoch + 1) % 24 == 0:
        model.eval()
        with torch.no_grad():
            out = model(Xb)
            print(f"epoch {epoch + 1} train loss {loss.item():.4f} test loss {criterion(out, yb).item():.4f} test acc {(out.argmax(1) == yb).float().mean().item():.3f} classes predicted {out.argmax(1).unique().tolist()}")
