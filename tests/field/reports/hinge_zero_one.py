# expect: hinge with labels 0 and 1: rows of class 0 have loss 1 and gradient 0, all is predicted positive; cure: labels -1 and +1
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
d = load_digits()
X = torch.tensor(d.data / 16, dtype=torch.float32)
labels = torch.tensor(d.target >= 5).float()
Xtr, Xte, ytr, yte = X[:1400], X[1400:], labels[:1400], labels[1400:]


class SVM(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(64, width), nn.ReLU())
        self.margin = nn.Linear(width, 1)

    def forward(self, x):
        return self.margin(self.features(x)).squeeze(1)


def hinge(output, y):
    return torch.clamp(1 - y * output, min=0).mean()


svm = SVM(48)
opt = torch.optim.SGD(svm.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
for epoch in range(15):
    for b in torch.randperm(1400).split(50):
        loss = hinge(svm(Xtr[b]), ytr[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 3 == 2:
        pred = (svm(Xte) > 0).float()
        print(f"epoch {epoch + 1} hinge {loss.item():.4f} test acc {(pred == yte).float().mean().item():.3f} predicted positive {(pred > 0).float().mean().item():.3f}")
