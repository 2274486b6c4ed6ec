# expect: healthy twin of late_projection
import torch
from torch import nn


class Net(nn.Module):
    """Flattened size is not known beforehand, so the classifier is made at the first call."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.hidden = None
        self.classifier = nn.Linear(10, 10)

    def forward(self, x):
        f = self.features(x).flatten(1)
        if self.hidden is None:
            self.hidden = nn.Sequential(nn.Linear(f.shape[1], 10), nn.Sigmoid())
        return self.classifier(self.hidden(f))


def main():
    from sklearn.datasets import load_digits
    torch.manual_seed(0)
    d = load_digits()
    x = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 8 - 1
    y = torch.tensor(d.target)
    net = Net()
    net(x[:1])
    opt = torch.optim.RMSprop(net.parameters(), lr=5e-3)
    for epoch in range(20):
        net.train()
        for b in torch.randperm(1400).split(50):
            loss = nn.functional.cross_entropy(net(x[b]), y[b])
            opt.zero_grad()
            loss.backward()
            opt.step()
        if epoch % 4 == 3:
            net.eval()
            with torch.no_grad():
                acc = (net(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
            print(f"epoch {epoch + 1:3d} | loss {loss.item():.4f} | val {acc:.4f}")


main()
