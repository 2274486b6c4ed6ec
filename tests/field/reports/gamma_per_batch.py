# expect: the scheduler is stepped per batch: after 30 batches the rate is a ten-thousandth; cure: scheduler.step() once an epoch
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
d = load_digits()
x, y = torch.tensor(d.images[:, None] / 16, dtype=torch.float32), torch.tensor(d.target)
loaders = {"train": DataLoader(TensorDataset(x[:1500], y[:1500]), batch_size=20, shuffle=True), "val": DataLoader(TensorDataset(x[1500:], y[1500:]), batch_size=297)}


def train_model(model, criterion, optimizer, scheduler, num_epochs):
    for epoch in range(num_epochs):
        for phase in ("train", "val"):
            model.train(phase == "train")
            loss_sum = hits = count = 0
            for a, b in loaders[phase]:
                optimizer.zero_grad()
                with torch.set_grad_enabled(phase == "train"):
                    out = model(a)
                    loss = criterion(out, b)
                    if phase == "train":
                        loss.backward()
                        optimizer.step()
                        scheduler.step()
                loss_sum += loss.item() * len(a)
                hits += (out.argmax(1) == b).sum().item()
                count += len(a)
            if epoch % 3 == 2:
                print(f"epoch {epoch} {phase} loss {loss_sum / count:.4f} acc {hits / count:.4f}")


model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
scheduler = lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
train_model(model, nn.CrossEntropyLoss(), optimizer, scheduler, num_epochs=9)
