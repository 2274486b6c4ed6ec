"""One row a framework: how it trains a small network, and where its logs end up.

Every row trains the same: two hidden layers of ReLU on 128 made-up rows of three classes, in
batches of 16, with Adam. The broken twin hands probabilities to a loss that applies softmax itself.
"""

import logging
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

os.environ.setdefault("KERAS_BACKEND", "torch")

BATCHES = 8


class Boom(Exception):
    """The user's own error."""


class Net(nn.Module):
    """The network; raises on its `fails_at`-th forward in training, if given."""

    def __init__(self, broken: bool = False, fails_at: int | None = None) -> None:
        super().__init__()
        self.first, self.second, self.out = nn.Linear(6, 24), nn.Linear(24, 24), nn.Linear(24, 3)
        self.broken, self.fails_at, self.calls = broken, fails_at, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += self.training
        if self.training and self.calls == self.fails_at:
            raise Boom
        scores = self.out(torch.relu(self.second(torch.relu(self.first(x)))))
        return scores.softmax(-1) if self.broken else scores


def data(error: BaseException | None = None) -> TensorDataset:
    """The rows; the fourth batch raises the error, if one is given."""
    torch.manual_seed(1)
    x = torch.randn(16 * BATCHES, 6)
    return FailingRows(x, x[:, :3].argmax(1), error)


class FailingRows(TensorDataset):
    def __init__(self, x: torch.Tensor, y: torch.Tensor, error: BaseException | None) -> None:
        super().__init__(x, y)
        self.error = error

    def __getitem__(self, index: Any) -> Any:
        if self.error is not None and index == 16 * 3:
            raise self.error
        return super().__getitem__(index)


def listed(callback: Any) -> list[Any]:
    """The callbacks that are given: none, one, or a list."""
    if callback is None:
        return []
    return callback if isinstance(callback, list) else [callback]


class Row(ABC):
    """A framework.

    Attributes:
        model: what was trained last.
        logged: what reached the framework's own logger: the last value by name.
        epochs: how many were begun in the last training.
        data_error: what a row of the data raises, if anything.
    """

    data_error: BaseException | None = None

    def __init__(self, broken: bool = False, fails_at: int | None = None) -> None:
        torch.manual_seed(0)
        self.broken, self.fails_at = broken, fails_at
        self.logged: dict[str, float] = {}
        self.epochs = 0
        self.model: Any = None
        self.build()

    def build(self) -> None:
        """Make the model."""
        self.model = Net(self.broken, self.fails_at)

    @abstractmethod
    def callback(self, **wishes: Any) -> Any:
        """The framework's `RelumeCallback`."""

    @abstractmethod
    def train(self, callback: Any, epochs: int) -> None:
        """Train with the callback, or without one (None)."""

    def weights(self) -> list[torch.Tensor]:
        return [parameter.detach().clone() for parameter in self.model.parameters()]


class Lightning(Row):
    def build(self) -> None:
        import lightning

        row, net = self, Net(self.broken, self.fails_at)

        class Module(lightning.LightningModule):
            def __init__(self) -> None:
                super().__init__()
                self.net = net

            def training_step(self, batch: Any, index: int) -> torch.Tensor:
                return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

            validation_step = training_step

            def on_train_epoch_start(self) -> None:
                row.epochs += 1

            def configure_optimizers(self) -> torch.optim.Optimizer:
                return torch.optim.Adam(self.parameters())

        self.model = Module()

    def callback(self, **wishes: Any) -> Any:
        from relume.integrations.lightning import RelumeCallback

        return RelumeCallback(**wishes)

    def train(self, callback: Any, epochs: int, **options: Any) -> None:
        import lightning
        from lightning.pytorch.loggers.logger import Logger

        row = self
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

        class Kept(Logger):
            name, version = "kept", "0"

            def log_hyperparams(self, *_: Any, **__: Any) -> None: ...

            def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
                row.logged |= metrics

        quiet = {
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
        }
        trainer = lightning.Trainer(
            max_epochs=epochs,
            accelerator="cpu",
            logger=Kept(),
            **{"callbacks": listed(callback), **quiet, **options},
        )
        self.epochs = 0
        self.trainer = trainer
        batches = DataLoader(data(self.data_error), batch_size=16)
        trainer.fit(self.model, batches, DataLoader(data(), 64))


class Rows(Dataset[dict[str, torch.Tensor]]):
    def __init__(self, error: BaseException | None = None) -> None:
        self.rows = data(error)

    def __len__(self) -> int:
        return 16 * BATCHES

    def __getitem__(self, at: int) -> dict[str, torch.Tensor]:
        x, y = self.rows[at]
        return {"x": x, "labels": y}


class WithLoss(Net):
    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:  # type: ignore[override]
        scores = super().forward(x)
        return {"loss": nn.functional.cross_entropy(scores, labels), "logits": scores}


class Transformers(Row):
    def build(self) -> None:
        self.model = WithLoss(self.broken, self.fails_at)

    def callback(self, **wishes: Any) -> Any:
        from relume.integrations.transformers import RelumeCallback

        return RelumeCallback(**wishes)

    def train(self, callback: Any, epochs: int, resume: str | None = None, **options: Any) -> None:
        from transformers import Trainer, TrainingArguments
        from transformers.trainer_callback import PrinterCallback

        common = {
            "num_train_epochs": epochs,
            "per_device_train_batch_size": 16,
            "learning_rate": 1e-3,
            "lr_scheduler_type": "constant",
            "report_to": [],
            "save_strategy": "no",
            "logging_strategy": "epoch",
            "eval_strategy": "epoch",
            "use_cpu": True,
            "disable_tqdm": True,
        }
        trainer = Trainer(
            model=self.model,
            args=TrainingArguments(output_dir=tempfile.mkdtemp(), **{**common, **options}),
            train_dataset=Rows(self.data_error),
            eval_dataset=Rows(),
            callbacks=listed(callback),
        )
        trainer.remove_callback(PrinterCallback)
        self.trainer = trainer
        try:
            trainer.train(resume)
        finally:
            self.epochs = round(trainer.state.epoch or 0)
            for entry in trainer.state.log_history:
                self.logged |= entry


class Keras(Row):
    def build(self) -> None:
        import keras
        from keras import layers

        keras.utils.set_random_seed(0)
        hidden = [layers.Dense(24, activation="relu", name=name) for name in ("first", "second")]
        head = layers.Dense(3, activation="softmax" if self.broken else None, name="out")
        self.model = keras.Sequential([layers.Input((6,)), *hidden, head])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(keras.optimizers.Adam(1e-3), loss)

    def callback(self, **wishes: Any) -> Any:
        from relume.integrations.keras import RelumeCallback

        return RelumeCallback(**wishes)

    def train(self, callback: Any, epochs: int, **options: Any) -> None:
        x, y = (tensor.numpy() for tensor in data().tensors)
        batches: Any = (x, y)
        if (
            self.fails_at is not None or self.data_error is not None
        ):  # as a generator of the user's would
            batches = (self._failing(x, y),)
            options |= {"steps_per_epoch": BATCHES}
        else:
            options |= {"validation_data": (x, y), "batch_size": 16}
        history = self.model.fit(
            *batches,
            epochs=epochs,
            shuffle=False,
            verbose=0,
            callbacks=listed(callback),
            **options,
        )
        self.epochs = len(history.epoch)
        self.logged |= {name: values[-1] for name, values in history.history.items()}

    def _failing(self, x: Any, y: Any) -> Iterator[tuple[Any, Any]]:
        import numpy as np

        original, calls = self.model.train_step, 0

        def step(batch: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == self.fails_at:
                raise Boom
            return original(batch)

        self.model.train_step = step
        while True:
            for at, part in enumerate(np.array_split(np.arange(len(x)), BATCHES)):
                if self.data_error is not None and at == 3:
                    raise self.data_error
                yield x[part], y[part]


class Skorch(Row):
    def callback(self, **wishes: Any) -> Any:
        from relume.integrations.skorch import RelumeCallback

        return RelumeCallback(**wishes)

    def train(self, callback: Any, epochs: int, **options: Any) -> None:
        from skorch import NeuralNetClassifier

        x, y = (tensor.numpy() for tensor in data().tensors)
        self.net = NeuralNetClassifier(
            self.model,
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=1e-3,
            max_epochs=epochs,
            batch_size=16,
            verbose=0,
            callbacks=listed(callback),
            **options,
        )
        self.net.initialize()
        if self.data_error is None:
            self.net.partial_fit(x, y)
        else:
            self.net.set_params(train_split=None)
            self.net.partial_fit(data(self.data_error), None)
        self.model = self.net.module_
        self.epochs = len(self.net.history)
        self.logged |= self.net.history[-1]


class Accelerate(Row):
    def callback(self, **wishes: Any) -> Any:
        from accelerate import Accelerator

        from relume.integrations.accelerate import RelumeCallback

        self.accelerator = Accelerator(cpu=True)
        return RelumeCallback(self.accelerator, self.model, **wishes)

    def train(self, callback: Any, epochs: int) -> None:
        from accelerate import Accelerator

        self.epochs = 0
        if callback is None:
            self.accelerator = Accelerator(cpu=True)
            self._loop(None, epochs)
            return
        self.accelerator.log = self._log  # type: ignore[method-assign]
        with callback:
            self._loop(callback, epochs)

    def _log(self, values: dict[str, float], step: int | None = None) -> None:
        self.logged |= values

    def _loop(self, callback: Any, epochs: int) -> None:
        optimizer = torch.optim.Adam(self.model.parameters())
        batches = DataLoader(data(self.data_error), batch_size=16)
        model, optimizer, batches = self.accelerator.prepare(self.model, optimizer, batches)
        for epoch in range(epochs):
            self.epochs += 1
            for x, y in batches:
                loss = nn.functional.cross_entropy(model(x), y)
                self.accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
            if callback is not None:
                callback.log(step=epoch)
                if callback.should_stop:
                    break


ROWS: dict[str, type[Row]] = {
    "lightning": Lightning,
    "transformers": Transformers,
    "keras": Keras,
    "skorch": Skorch,
    "accelerate": Accelerate,
}


def find_library(name: str) -> Path | None:
    """Where the library is, without importing it."""
    from importlib.util import find_spec

    spec = find_spec(name)
    return None if spec is None or spec.origin is None else Path(spec.origin)
