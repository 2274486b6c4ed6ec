"""The model ends in a softmax and the loss applies another: the loss cannot go below a floor.

Ten clusters in twenty dimensions. For ten classes the floor is ln(e + 9) - 1 = 1.4612, however
sure and however right the model is.
"""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

EPOCHS, CLASSES = 15, 10


def clusters(n, features=20):
    y = torch.randint(CLASSES, (n,))
    centres = 1.5 * torch.randn(CLASSES, features)
    return centres[y] + torch.randn(n, features), y


def main():
    torch.manual_seed(0)
    x, y = clusters(1600)
    loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)
    model = nn.Sequential(
        nn.Linear(20, 64),
        nn.ReLU(),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Linear(64, CLASSES),
        nn.Softmax(dim=1),
    )
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    for epoch in range(1, EPOCHS + 1):
        total, right = 0.0, 0
        for inputs, targets in loader:
            outputs = model(inputs)
            loss = criterion(outputs, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(inputs)
            right += (outputs.argmax(1) == targets).sum().item()
        if epoch % 3 == 0:
            print(f"epoch {epoch:2d}  loss {total / len(x):.4f}  accuracy {right / len(x):.3f}")


if __name__ == "__main__":
    main()
