# expect: healthy twin of log_of_softmax
import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from torch import nn

torch.manual_seed(1)
x, y = load_wine(return_X_y=True)
x = (x - x.mean(0)) / x.std(0) * 200
xa, xb, ya, yb = train_test_split(torch.tensor(x, dtype=torch.float32), torch.tensor(y), test_size=0.3, random_state=1)
ya[::17] = (ya[::17] + 1) % 3  # a few labels are wrong, as in any collection


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.ModuleList([nn.Linear(13, 64), nn.Linear(64, 64)])
        self.last = nn.Linear(64, 3)

    def forward(self, x):
        for layer in self.hidden:
            x = torch.relu(layer(x))
        return torch.log_softmax(self.last(x), dim=1)


def entropy_loss(prob, target):
    onehot = nn.functional.one_hot(target, 3).float()
    return -(onehot * prob).sum(1).mean()


model = Model()
opt = torch.optim.Adam(model.parameters(), lr=0.01)
for epoch in range(60):
    for b in torch.randperm(len(xa)).split(20):
        loss = entropy_loss(model(xa[b]), ya[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 10 == 9:
        print(f"epoch {epoch + 1}: loss {loss.item():.5f}, test acc {(model(xb).argmax(1) == yb).float().mean().item():.3f}")
