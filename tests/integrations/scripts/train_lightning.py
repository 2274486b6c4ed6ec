"""Digits with Lightning; `--broken` makes it eight sigmoid layers deep, which learn nothing."""

import logging
import sys
import warnings
from itertools import pairwise

import lightning
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

for name in ("lightning.pytorch", "lightning.fabric"):
    logging.getLogger(name).setLevel(logging.ERROR)
warnings.filterwarnings("ignore", message=".*does not have many workers.*")


class Digits(lightning.LightningModule):
    def __init__(self, broken):
        super().__init__()
        act, depth = (nn.Sigmoid, 8) if broken else (nn.ReLU, 2)
        widths = [64] * (depth + 1)
        hidden = [[nn.Linear(a, b), act()] for a, b in pairwise(widths)]
        self.net = nn.Sequential(*[layer for pair in hidden for layer in pair], nn.Linear(64, 10))

    def training_step(self, batch, index):
        x, y = batch
        return F.cross_entropy(self.net(x), y)

    def validation_step(self, batch, index):
        x, y = batch
        self.log("val_loss", F.cross_entropy(self.net(x), y))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


lightning.seed_everything(0, verbose=False)
digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32)
x = (x - x.mean()) / x.std()
data = TensorDataset(x, torch.tensor(digits.target))
trainer = lightning.Trainer(
    max_epochs=8,
    accelerator="cpu",
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
model = Digits("--broken" in sys.argv)
trainer.fit(model, DataLoader(data, batch_size=32, shuffle=True), DataLoader(data, batch_size=256))
print(f"val_loss {float(trainer.callback_metrics['val_loss']):.6f}")
