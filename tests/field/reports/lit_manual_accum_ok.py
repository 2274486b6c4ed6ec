import logging
import warnings

import torch
import lightning.pytorch as pl
from sklearn.datasets import load_diabetes
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
pl.seed_everything(1, verbose=False)

bunch = load_diabetes()
features = torch.tensor(bunch.data / bunch.data.std(0), dtype=torch.float32)
target = torch.tensor((bunch.target - bunch.target.mean()) / bunch.target.std(), dtype=torch.float32)[:, None]
ACCUMULATE = 32


class Regressor(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False     # something special is planned later
        self.net = torch.nn.Sequential(torch.nn.Linear(10, 64), torch.nn.ReLU(), torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
        self.seen = []

    def training_step(self, batch, batch_idx):
        opt = self.optimizers()
        x, y = batch
        loss = torch.nn.functional.mse_loss(self.net(x), y)
        self.manual_backward(loss / ACCUMULATE)
        self.seen.append(loss.detach())
        if (batch_idx + 1) % ACCUMULATE == 0:
            opt.step()
            opt.zero_grad()

    def on_train_epoch_end(self):
        with torch.no_grad():
            val = torch.nn.functional.mse_loss(self.net(features[384:]), target[384:])
        if self.current_epoch % 2 == 1:
            print(f"epoch {self.current_epoch + 1} train mse {torch.stack(self.seen).mean():.4f} val mse {val:.4f}")
        self.seen.clear()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9)


loader = DataLoader(TensorDataset(features[:384], target[:384]), batch_size=1, shuffle=True)
trainer = pl.Trainer(max_epochs=10, accelerator="cpu", logger=False, enable_checkpointing=False,
                     enable_progress_bar=False, enable_model_summary=False)
trainer.fit(Regressor(), loader)
