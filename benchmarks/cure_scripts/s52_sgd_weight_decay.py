"""Digits. Sick: a weight decay of 0.3 in SGD. Goal: loss 0.6."""

import torch
from sklearn.datasets import load_digits
from torch import nn

hparams = dict(batch_size=50, lr=0.1, momentum=0.9, weight_decay=0.3, max_epochs=8)


class LitDigits(nn.Module):
    def __init__(self, hparams):
        super().__init__()
        self.hparams = hparams
        self.net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch):
        x, y = batch
        return nn.functional.cross_entropy(self(x), y)

    def configure_optimizers(self):
        hp = self.hparams
        return torch.optim.SGD(
            self.parameters(), lr=hp["lr"], momentum=hp["momentum"], weight_decay=hp["weight_decay"]
        )


torch.manual_seed(52)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor(X / 16).float(), torch.tensor(Y)
module = LitDigits(hparams)
optimizer = module.configure_optimizers()
for epoch in range(hparams["max_epochs"]):
    for idx in torch.randperm(1500).split(hparams["batch_size"]):
        loss = module.training_step((X[idx], Y[idx]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val = module.training_step((X[1500:], Y[1500:]))
    print(f"Epoch {epoch}: train_loss={loss.item():.3f} val_loss={val.item():.3f}")
