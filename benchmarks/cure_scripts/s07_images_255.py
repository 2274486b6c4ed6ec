"""Digits as bytes of 0 to 255. Sick: the inputs' scale under SGD. Goal: loss 0.6."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(7)
images, labels = load_digits(return_X_y=True)
images = torch.tensor(images * 15.9).float()
labels = torch.tensor(labels)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 100)
        self.fc2 = nn.Linear(100, 100)
        self.fc3 = nn.Linear(100, 10)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return F.log_softmax(self.fc3(x), dim=1)


model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.5)


def train(epoch):
    model.train()
    for batch_idx, ids in enumerate(torch.randperm(1500).split(64)):
        optimizer.zero_grad()
        output = model(images[ids])
        loss = F.nll_loss(output, labels[ids])
        loss.backward()
        optimizer.step()
        if batch_idx % 10 == 0:
            print(f"Train Epoch: {epoch} [{batch_idx}] Loss: {loss.item():.6f}")


def test():
    model.eval()
    with torch.no_grad():
        output = model(images[1500:])
        correct = (output.argmax(1) == labels[1500:]).sum().item()
    print(f"Test set: Accuracy: {correct}/297")


for epoch in range(1, 9):
    train(epoch)
    test()
