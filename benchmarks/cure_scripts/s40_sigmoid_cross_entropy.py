"""Digits. Sick: a sigmoid on the logits of a cross-entropy. Goal: loss 0.6."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(40)
X, Y = load_digits(return_X_y=True)
X, Y = torch.tensor(X / 16).float(), torch.tensor(Y)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(64, 50)
        self.output = nn.Linear(50, 10)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        x = torch.relu(self.hidden(x))
        return self.sigmoid(self.output(x))


model = Classifier()
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
history = {"loss": [], "val_loss": []}
for epoch in range(12):
    losses = []
    for idx in torch.randperm(1500).split(50):
        optimizer.zero_grad()
        loss = loss_function(model(X[idx]), Y[idx])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    history["loss"].append(sum(losses) / len(losses))
    with torch.no_grad():
        history["val_loss"].append(loss_function(model(X[1500:]), Y[1500:]).item())
    print("epoch", epoch, {k: round(v[-1], 4) for k, v in history.items()})
