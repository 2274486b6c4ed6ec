# broken: ACT901
# healthy: nothing
import sys

import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

MODE = sys.argv[1]
torch.manual_seed(0)

features, labels = load_wine(return_X_y=True)
features = StandardScaler().fit_transform(features)
dataset = TensorDataset(torch.tensor(features).float(), torch.tensor(labels))
loader = DataLoader(dataset, batch_size=6, shuffle=True)


class WineNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(13, 32)
        self.fc2 = nn.Linear(32, 32)
        self.out = nn.Linear(32, 3)

    def forward(self, x):
        return self.out(torch.relu(self.fc2(torch.relu(self.fc1(x)))))


def train(model, epochs=10):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
    for epoch in range(epochs):
        optimizer.zero_grad()
        running = 0.0
        for inputs, targets in loader:
            if MODE == "healthy":
                optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
            running += loss.item()
        print(f"epoch {epoch}: {running / len(loader):.4f}")
    print("end", round(running / len(loader), 4))


train(WineNet())
