# expect: weights updated by hand, p.grad is never cleared: the loss swings and grows; cure: p.grad.zero_() after each update
import torch
from sklearn.datasets import load_diabetes

torch.manual_seed(5)
raw = load_diabetes()
X = torch.tensor(raw.data, dtype=torch.float32) * 21
t = torch.tensor(raw.target, dtype=torch.float32).unsqueeze(1)
t = (t - t.mean()) / t.std()
Xtr, Xte, ttr, tte = X[:350], X[350:], t[:350], t[350:]

w1 = (torch.randn(10, 20) / 10 ** 0.5).requires_grad_()
b1 = torch.zeros(20, requires_grad=True)
w2 = (torch.randn(20, 1) / 20 ** 0.5).requires_grad_()
b2 = torch.zeros(1, requires_grad=True)
params = [w1, b1, w2, b2]


def predict(x):
    return (x @ w1 + b1).relu() @ w2 + b2


lr = 0.1
for it in range(400):
    err = (predict(Xtr) - ttr).pow(2).mean()
    err.backward()
    with torch.no_grad():
        for p in params:
            p -= lr * p.grad
    if it % 50 == 0 or it == 399:
        print(it, "train mse", round(err.item(), 4), "test mse", round((predict(Xte) - tte).pow(2).mean().item(), 4))
