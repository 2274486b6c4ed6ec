"""Iris. Sick: nn.Softmax(dim=0), its log and NLLLoss. Goal: loss 0.4."""

import torch
from sklearn.datasets import load_iris
from torch import nn

torch.manual_seed(84)
iris = load_iris()
inputs = torch.tensor((iris.data - iris.data.mean(0)) / iris.data.std(0)).float()
labels = torch.tensor(iris.target)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 24)
        self.tanh = nn.Tanh()
        self.out = nn.Linear(24, 3)
        self.log_probs = nn.LogSoftmax(dim=0)

    def forward(self, x):
        return self.log_probs(self.out(self.tanh(self.hidden(x))))


clf = Classifier()
nll = nn.NLLLoss()
optimizer = torch.optim.Adam(clf.parameters(), lr=0.01)
order = torch.randperm(150)
train, test = order[:120], order[120:]
for epoch in range(30):
    epoch_loss = 0.0
    for batch in train[torch.randperm(120)].split(24):
        optimizer.zero_grad()
        loss = nll(clf(inputs[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(batch)
    if (epoch + 1) % 6 == 0:
        with torch.no_grad():
            acc = (clf(inputs[test]).argmax(1) == labels[test]).float().mean().item()
        print(f"Epoch {epoch + 1}: loss={epoch_loss / 120:.4f} test_acc={acc:.2f}")
