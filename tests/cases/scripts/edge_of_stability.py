# broken: ACT607,ACT605
# healthy: nothing
import sys
import torch

torch.manual_seed(0)
# least squares by gradient descent; the step is a hair too long for the steepest direction
X = torch.randn(64, 5)
y = X @ torch.randn(5, 1)
steepest = float(torch.linalg.eigvalsh(2 * X.T @ X / 64).max())
w = torch.nn.Linear(5, 1)
lr = (1.9995 if sys.argv[1] == "broken" else 0.5) / steepest
opt = torch.optim.SGD(w.parameters(), lr=lr)
with torch.no_grad():
    w.weight += 4 * torch.linalg.eigh(X.T @ X).eigenvectors[:, -1]
for step in range(400):
    loss = ((w(X) - y) ** 2).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
