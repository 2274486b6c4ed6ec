# expect: healthy twin of relu_logits_discriminator
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)


def block(a, b):
    return [nn.Conv1d(a, b, 5, stride=2, padding=2), nn.ReLU()]


scorer = nn.Sequential(*block(1, 8), *block(8, 16), nn.Flatten(), nn.Linear(16 * 10, 1))


def clicks(n):
    """Clean (0) or clipped (1) sounds of 40 samples."""
    y = (torch.rand(n, 1) < 0.4).float()
    f = torch.rand(n, 1) * 2 + 0.5
    wave = 1.3 * torch.sin(6.2832 * f * torch.linspace(0, 1, 40) + 6.2832 * torch.rand(n, 1))
    wave = torch.where(y > 0, wave.clamp(-0.8, 0.8) * 1.4, wave)
    return (wave + 0.05 * torch.randn(n, 40)).unsqueeze(1), y


opt = torch.optim.RMSprop(scorer.parameters(), lr=1e-3)
step, history = 0, []
while step < 700:
    x, y = clicks(64)
    loss = F.binary_cross_entropy_with_logits(scorer(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    history.append(loss.item())
    step += 1
    if step % 100 == 0:
        with torch.no_grad():
            x, y = clicks(1000)
            z = scorer(x)
            p = torch.sigmoid(z)
        print(f"{step:4d} loss {sum(history[-100:]) / 100:.4f} balanced accuracy {((p >= 0.5)[y > 0].float().mean() + (p < 0.5)[y == 0].float().mean()).item() / 2:.3f} zero outputs {(z == 0).float().mean().item():.2f}")
