import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import make_multilabel_classification

torch.manual_seed(0)
X, Y = make_multilabel_classification(n_samples=2000, n_features=30, n_classes=8, n_labels=4, allow_unlabeled=False, random_state=0)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
Y = torch.tensor(Y, dtype=torch.float32)
train_dl = DataLoader(TensorDataset(X[:1600], Y[:1600]), batch_size=64, shuffle=True)


class DiagnosisNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.logits = nn.Linear(64, 8)

    def forward(self, x):
        return torch.softmax(self.logits(self.features(x)), dim=1)


model = DiagnosisNet()
loss_fn = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(16):
    model.train()
    for xb, yb in train_dl:
        loss = loss_fn(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 3 == 0:
        model.eval()
        with torch.no_grad():
            p = model(X[1600:])
            val = loss_fn(p, Y[1600:]).item()
            hit = (p > 0.5).float()
            recall = (hit * Y[1600:]).sum() / Y[1600:].sum()
            base = loss_fn(Y[:1600].mean(0).expand_as(p), Y[1600:]).item()
        print(f"epoch {epoch}: train {loss.item():.4f} val {val:.4f} (label frequencies alone: {base:.4f}) recall {recall.item():.3f} labels a row {hit.sum(1).mean().item():.2f}")
