import torch
from torch.nn import CrossEntropyLoss, Linear, Module, ModuleList
from torch.optim import SGD
from sklearn.datasets import load_digits

torch.manual_seed(0)


class DeepNet(Module):
    def __init__(self, depth=12, width=60):
        super().__init__()
        sizes = [64] + [width] * depth
        self.layers = ModuleList([Linear(a, b) for a, b in zip(sizes, sizes[1:])])
        self.output = Linear(width, 10)

    def forward(self, x):
        for layer in self.layers:
            z = layer(x)
            x = 1 / (1 + torch.exp(-z))
        return self.output(x)


bunch = load_digits()
x = torch.as_tensor(bunch.data / 8 - 1, dtype=torch.float)
y = torch.as_tensor(bunch.target)
model = DeepNet()
optimizer = SGD(model.parameters(), lr=0.05, momentum=0.9)
criterion = CrossEntropyLoss()
for epoch in range(1, 31):
    perm = torch.randperm(1400)
    total = 0.0
    for i in range(0, 1400, 70):
        rows = perm[i:i + 70]
        loss = criterion(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / 20
    if epoch % 5 == 0:
        first = model.layers[0].weight.grad.abs().mean().item()
        last = model.output.weight.grad.abs().mean().item()
        acc = (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()
        print(f"epoch {epoch} loss {total:.4f} test {acc:.3f} mean gradient first {first:.1e} last {last:.1e}")
