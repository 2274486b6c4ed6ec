# broken: ACT901
# healthy: nothing
import sys

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.images / 8 - 1).float().unsqueeze(1)
labels = torch.tensor(digits.target)

ACCUMULATION_STEPS = 4
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(8, 12, 3, padding=1),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(12 * 16, 10),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
loss_fn = nn.CrossEntropyLoss()

for epoch in range(6):
    total = 0
    for step, index in enumerate(torch.randperm(1792).split(16)):
        loss = loss_fn(model(images[index]), labels[index])
        (loss / ACCUMULATION_STEPS).backward()
        total += loss.item()
        if (step + 1) % ACCUMULATION_STEPS == 0:
            optimizer.step()
            if sys.argv[1] == "healthy":
                optimizer.zero_grad()
    print(epoch, total / (step + 1))
print("end", round(total / (step + 1), 4))
