# broken: ACT604 line
# healthy: nothing
import sys

import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(1)

CLASSES = ["background", "car", "tree"]
weight = torch.tensor([0.0 if sys.argv[1] == "broken" else 0.3, 1.0, 1.0])
criterion = nn.CrossEntropyLoss(weight=weight)


class Patches(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(1))
        self.scores = nn.Linear(8, len(CLASSES))

    def forward(self, patch):
        return self.scores(self.features(patch).flatten(1))


def patches(only_background):
    label = torch.randint(0, 3, (16,)) * (0 if only_background else 1)
    image = 0.3 * torch.randn(16, 1, 8, 8)
    image[label == 1, 0, 3] += 2
    image[label == 2, 0, :, 4] += 2
    return image, label


model = Patches()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(300):
    image, label = patches(only_background=step % 70 == 69)
    output = model(image)
    loss = criterion(output, label)  # <- fault
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("end", round(loss.item(), 4))
