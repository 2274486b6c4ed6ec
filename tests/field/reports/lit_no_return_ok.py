import logging
import warnings

import lightning as L
import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
L.seed_everything(0, verbose=False)

wine = load_wine()
X = torch.tensor(StandardScaler().fit_transform(wine.data), dtype=torch.float32)
Y = torch.tensor(wine.target)
order = torch.randperm(len(X))
train, val = TensorDataset(X[order[:130]], Y[order[:130]]), TensorDataset(X[order[130:]], Y[order[130:]])


class LitModel(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.bert = nn.Sequential(nn.Linear(13, 32), nn.ReLU())
        self.W = nn.Linear(32, 3)

    def forward(self, x):
        return self.W(self.bert(x))

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = nn.functional.cross_entropy(self(x), y)
        self.log("train_loss", loss, on_epoch=True, on_step=False)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        acc = (self(x).argmax(1) == y).float().mean()
        self.log("val_acc", acc)

    def on_train_epoch_end(self):
        m = self.trainer.callback_metrics
        print(f"epoch {self.current_epoch} train loss {m['train_loss']:.4f} val acc {m['val_acc']:.3f}")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-2)


trainer = L.Trainer(max_epochs=12, accelerator="cpu", logger=False, enable_checkpointing=False,
                    enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0)
trainer.fit(LitModel(), DataLoader(train, batch_size=16, shuffle=True), DataLoader(val, batch_size=48))
