# expect: healthy twin of folds_one_optimizer
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import KFold
from torch import nn


def make():
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16, dtype=torch.float32), torch.tensor(y)
criterion = nn.CrossEntropyLoss()
model = make()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
results = []
for fold, (tr, te) in enumerate(KFold(4, shuffle=True, random_state=0).split(X), 1):
    if fold > 1:
        model = make()
        optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(10):
        for idx in torch.randperm(len(tr)).split(32):
            rows = torch.as_tensor(tr)[idx]
            optimizer.zero_grad()
            loss = criterion(model(X[rows]), y[rows])
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        results.append((model(X[te]).argmax(1) == y[te]).float().mean().item())
    print(f"fold {fold}: last loss {loss.item():.4f} accuracy {results[-1]:.3f}")
print("mean accuracy %.3f" % (sum(results) / len(results)))
