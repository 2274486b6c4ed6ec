# expect: healthy twin of relu_rnn_explodes
import torch
from torch import nn

torch.manual_seed(0)
t = torch.arange(0, 400, dtype=torch.float32)
series = torch.sin(t / 5) + 0.5 * torch.sin(t / 17) + 0.05 * torch.randn(400)


def windows(series, size=50):
    rows = series.unfold(0, size + 1, 1)
    return rows[:, :-1].unsqueeze(2), rows[:, -1:]


class Forecaster(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.rnn = nn.RNN(1, hidden, nonlinearity="relu", batch_first=True)
        for name, p in self.rnn.named_parameters():
            if "weight" in name:
                nn.init.orthogonal_(p, 0.9)
        self.head = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


x, y = windows(series)
xtr, ytr, xte, yte = x[:260], y[:260], x[300:], y[300:]
model = Forecaster()
opt = torch.optim.SGD(model.parameters(), lr=0.01)
for epoch in range(24):
    for b in torch.randperm(260).split(20):
        loss = nn.functional.mse_loss(model(xtr[b]), ytr[b])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 8 == 7 or epoch == 0:
        with torch.no_grad():
            print("epoch", epoch + 1, "train", round(loss.item(), 5), "test", round(nn.functional.mse_loss(model(xte), yte).item(), 5))
