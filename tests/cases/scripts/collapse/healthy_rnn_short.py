# healthy: nothing
import torch
from torch import nn

torch.manual_seed(0)
rnn, out = nn.RNN(1, 32, batch_first=True), nn.Linear(32, 1)
opt = torch.optim.Adam([*rnn.parameters(), *out.parameters()], lr=2e-3)
for step in range(400):
    phase = torch.rand(32, 1) * 6.28
    wave = torch.sin(phase + 0.3 * torch.arange(81))[..., None]
    loss = nn.functional.mse_loss(out(rnn(wave[:, :-1])[0]), wave[:, 1:])
    opt.zero_grad()
    loss.backward()
    opt.step()
print("end", float(loss))
