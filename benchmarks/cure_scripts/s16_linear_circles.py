"""Circles. Sick: no act between the layers. Goal: loss 0.4."""

import torch
from sklearn.datasets import make_circles
from torch import nn

torch.manual_seed(16)
X, y = make_circles(800, noise=0.05, factor=0.4, random_state=16)
X, y = torch.from_numpy(X).float(), torch.from_numpy(y).float()
X_train, X_test, y_train, y_test = X[:640], X[640:], y[:640], y[640:]


class CircleModelV0(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer_1 = nn.Linear(2, 16)
        self.layer_2 = nn.Linear(16, 16)
        self.layer_3 = nn.Linear(16, 1)

    def forward(self, x):
        return self.layer_3(self.layer_2(self.layer_1(x)))


model_0 = CircleModelV0()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model_0.parameters(), lr=0.1, momentum=0.9)
for epoch in range(300):
    model_0.train()
    y_logits = model_0(X_train).squeeze()
    loss = loss_fn(y_logits, y_train)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 50 == 0:
        model_0.eval()
        with torch.inference_mode():
            test_loss = loss_fn(model_0(X_test).squeeze(), y_test)
        print(f"Epoch: {epoch} | Loss: {loss:.5f} | Test loss: {test_loss:.5f}")
