import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(1024, 20)
y = x[:, :5].argmax(1)
teacher = torch.softmax(3 * x[:, :5], dim=1)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for step in range(300):
    rows = torch.randint(1024, (64,))
    optimizer.zero_grad()
    logits = model(x[rows])
    student = logits.softmax(dim=1).log_softmax(dim=1)  # bad
    student = logits.log_softmax(dim=1)  # good
    distance = nn.functional.kl_div(student, teacher[rows], reduction="batchmean")
    loss = nn.functional.cross_entropy(logits, y[rows]) + distance
    loss.backward()
    optimizer.step()
