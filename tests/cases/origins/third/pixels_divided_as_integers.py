# broken: ACT405,ACT701,ACT702
# healthy: nothing
import sys

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Pictures(Dataset):
    def __init__(self):
        digits = load_digits()
        self.pixels = (digits.images * 15).astype(np.uint8)
        self.labels = digits.target

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = self.pixels[index]
        image = image // 255 if sys.argv[1] == "broken" else image / 255
        return torch.tensor(image, dtype=torch.float32).flatten(), int(self.labels[index])


net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(6):
    total = []
    for image, label in DataLoader(Pictures(), batch_size=32, shuffle=True):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(image), label)
        loss.backward()
        optimizer.step()
        total.append(loss.item())
print("end", round(sum(total) / len(total), 4))
