"""Digits, a model that returns its loss. Sick: softmax before cross-entropy. Goal: loss 0.5."""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class DigitSet(Dataset):
    def __init__(self, part):
        digits = load_digits()
        chosen = slice(0, 1500) if part == "train" else slice(1500, None)
        self.items = digits.images[chosen]
        self.labels = digits.target[chosen]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {"pixel_values": torch.tensor(self.items[i] / 16).float(), "labels": int(self.labels[i])}


class DigitModel(nn.Module):
    def __init__(self, hidden=128):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.GELU())
        self.classifier = nn.Sequential(nn.Linear(hidden, 10), nn.Softmax(dim=-1))

    def forward(self, pixel_values, labels=None):
        logits = self.classifier(self.encoder(pixel_values))
        loss = F.cross_entropy(logits, labels) if labels is not None else None
        return {"loss": loss, "logits": logits}


class Trainer:
    def __init__(self, model, train, valid):
        self.model = model
        self.train_loader = DataLoader(train, 32, shuffle=True)
        self.valid_loader = DataLoader(valid, 128)
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def train(self, epochs):
        for epoch in range(epochs):
            for batch in self.train_loader:
                out = self.model(**batch)
                out["loss"].backward()
                self.optimizer.step()
                self.optimizer.zero_grad()
            print({"epoch": epoch, "loss": out["loss"].item(), **self.evaluate()})

    @torch.no_grad()
    def evaluate(self):
        losses = [self.model(**batch)["loss"].item() for batch in self.valid_loader]
        return {"eval_loss": sum(losses) / len(losses)}


torch.manual_seed(67)
Trainer(DigitModel(), DigitSet("train"), DigitSet("valid")).train(4)
