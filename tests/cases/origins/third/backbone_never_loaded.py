# broken: ACT911 at backbone
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)


def pretrained():
    """The principal axes of the images, as a file of weights would hold them."""
    pca = PCA(12).fit(X)
    axes = torch.tensor(pca.components_ / pca.explained_variance_[:, None] ** 0.5).float()
    return {"weight": axes, "bias": -axes @ torch.tensor(X.mean(0)).float()}


class Classifier(nn.Module):
    def __init__(self, load):
        super().__init__()
        self.backbone = nn.Linear(64, 12)
        nn.init.normal_(self.backbone.weight, std=0.0003)
        if load:
            self.backbone.load_state_dict(pretrained())
        for parameter in self.backbone.parameters():
            parameter.requires_grad = False
        self.head = nn.Sequential(nn.Tanh(), nn.Linear(12, 32), nn.Tanh(), nn.Linear(32, 10))

    def forward(self, x):
        return self.head(self.backbone(x))


X_, y_ = torch.tensor(X).float(), torch.tensor(y)
model = Classifier(load=sys.argv[1] == "healthy")
trained = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.Adam(trained, lr=5e-3)
for epoch in range(12):
    for i in torch.randperm(len(X_)).split(64):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(X_[i]), y_[i])
        loss.backward()
        optimizer.step()
    print(epoch, round(loss.item(), 4))
print("end", round(F.cross_entropy(model(X_), y_).item(), 4))
