"""Digits with skorch; `--broken` puts a softmax before the cross-entropy."""

import sys

import torch
from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier
from torch import nn


class Net(nn.Module):
    def __init__(self, broken=False):
        super().__init__()
        self.hidden = nn.Linear(64, 64)
        self.out = nn.Linear(64, 10)
        self.broken = broken

    def forward(self, x):
        z = self.out(torch.relu(self.hidden(x)))
        return z.softmax(-1) if self.broken else z


torch.manual_seed(0)
digits = load_digits()
x = ((digits.data - digits.data.mean()) / digits.data.std()).astype("float32")
net = NeuralNetClassifier(
    Net,
    module__broken="--broken" in sys.argv,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=2e-3,
    max_epochs=8,
    batch_size=32,
    verbose=0,
)
net.fit(x, digits.target)
print(f"loss {net.history[-1, 'train_loss']:.6f}")
