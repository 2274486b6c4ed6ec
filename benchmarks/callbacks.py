"""What a `RelumeCallback` costs in each framework: a training with it over the same without it.

    flock /tmp/bench.lock python benchmarks/callbacks.py [--pairs 8] [--only lightning,keras]

One process, one thread, one small network (64 -> 256 -> 256 -> 10, batches of 64). Trainings
alternate A B B A (A: without, B: with), so that a drift of the machine falls on both alike. Time is
that of this process on the processor. The network's own forward counts: the clock runs from the
WARM-th training step to the last one, so what is measured is the framework's loop, its callbacks
and the recording. What is spent once a training stands in the last column: loading nothing,
but the first records, the free second of looking, closing the file and judging it.

    busy       wall over processor time of the plain steps. The budget of 1 % is a share of the wall
               time: on a machine where this is 5, it may be 5 % of the processor time
    ratio      of the measured steps, with over without; median and quartiles over pairs
    least      the least time with over the least without: what noise from other programs adds to
               both is left out, and with it what differs from one training to the next
    once       CPU seconds that a whole training with it takes beyond, outside the measured steps
"""

import argparse
import gc
import logging
import os
import statistics
import tempfile
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

WARM, STEPS, EPOCH = 200, 1000, 100  # steps: before the clock runs, in all, of an epoch


class Clock:
    """Started and stopped by the network's own training steps."""

    def __init__(self) -> None:
        self.calls, self.start, self.seconds = 0, 0.0, 0.0
        self.begun, self.wall = 0.0, 0.0
        self.callback: Any = None

    def tick(self) -> None:
        """A training step's forward begins."""
        self.calls += 1
        if self.calls == WARM:
            if self.callback is not None:
                settle(self.callback)
            self.begun, self.start = time.perf_counter(), time.process_time()
        elif self.calls == STEPS:
            self.seconds = time.process_time() - self.start
            self.wall = time.perf_counter() - self.begun


def settle(callback: Any) -> None:
    """Take away what is left of the first credits, so that what the budget earns is measured."""
    core = callback.core_ if hasattr(callback, "core_") else callback._core
    recorder = core.run._recorder
    assert recorder is not None
    recorder.budget.credit = min(recorder.budget.credit, 0.0)
    core._spent = core._charged = max(core._spent, 1.0)


CLOCK = Clock()


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.out = (
            nn.Linear(64, 256),
            nn.Linear(256, 256),
            nn.Linear(256, 10),
        )

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Any:
        if self.training:
            CLOCK.tick()
        scores = self.out(torch.relu(self.second(torch.relu(self.first(x)))))
        if labels is None:
            return scores
        return {"loss": nn.functional.cross_entropy(scores, labels), "logits": scores}


def data() -> tuple[Tensor, Tensor]:
    x = torch.randn(64 * EPOCH, 64)
    return x, x[:, :10].argmax(1)


class Row(ABC):
    """A framework."""

    def callback(self) -> Any:
        made: Any = __import__(f"relume.integrations.{self.name}", fromlist=["RelumeCallback"])
        return made.RelumeCallback(path=new_path(), report=False)

    @property
    def name(self) -> str:
        return type(self).__name__.lower()

    @abstractmethod
    def train(self, callback: Any) -> None:
        """STEPS steps, with the callback or without."""


FOLDER = tempfile.TemporaryDirectory()


def new_path() -> Path:
    return Path(FOLDER.name, f"{time.perf_counter_ns()}.sqlite")


class Lightning(Row):
    def train(self, callback: Any) -> None:
        import lightning

        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

        class Module(lightning.LightningModule):
            def __init__(self) -> None:
                super().__init__()
                self.net = Net()

            def training_step(self, batch: Any, index: int) -> Tensor:
                return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

            def configure_optimizers(self) -> Any:
                return torch.optim.Adam(self.parameters())

        trainer = lightning.Trainer(
            max_steps=STEPS,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=[callback] if callback else [],
        )
        trainer.fit(Module(), DataLoader(TensorDataset(*data()), batch_size=64))


class Transformers(Row):
    def train(self, callback: Any) -> None:
        from transformers import Trainer, TrainingArguments
        from transformers.trainer_callback import PrinterCallback

        x, y = data()
        rows = [{"x": a, "labels": b} for a, b in zip(x, y, strict=True)]
        trainer = Trainer(
            model=Net(),
            args=TrainingArguments(
                output_dir=FOLDER.name,
                max_steps=STEPS,
                per_device_train_batch_size=64,
                learning_rate=1e-3,
                report_to=[],
                save_strategy="no",
                use_cpu=True,
                disable_tqdm=True,
                remove_unused_columns=False,
            ),
            train_dataset=rows,
            callbacks=[callback] if callback else [],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()


class Keras(Row):
    def train(self, callback: Any) -> None:
        import keras
        from keras import layers

        keras.utils.clear_session()

        class Model(keras.Model):
            def __init__(self) -> None:
                super().__init__()
                self.first = layers.Dense(256, activation="relu")
                self.second, self.out = layers.Dense(256, activation="relu"), layers.Dense(10)

            def call(self, x: Any, training: bool = False) -> Any:
                if training:
                    CLOCK.tick()
                return self.out(self.second(self.first(x)))

        model = Model()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.Adam(1e-3), loss)
        x, y = (part.numpy() for part in data())
        callbacks = [callback] if callback else []
        epochs = STEPS // EPOCH
        model.fit(x, y, batch_size=64, epochs=epochs, verbose=0, callbacks=callbacks)


class Skorch(Row):
    def train(self, callback: Any) -> None:
        from skorch import NeuralNetClassifier

        net = NeuralNetClassifier(
            Net,
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            lr=1e-3,
            batch_size=64,
            max_epochs=STEPS // EPOCH,
            train_split=None,
            verbose=0,
            callbacks=[callback] if callback else [],
        )
        net.fit(*(part.numpy() for part in data()))


class Accelerate(Row):
    def callback(self) -> Any:
        return True  # made in the loop: it takes the model

    def train(self, callback: Any) -> None:
        from accelerate import Accelerator

        from relume.integrations.accelerate import RelumeCallback

        accelerator = Accelerator(cpu=True)
        model = Net()
        optimizer = torch.optim.Adam(model.parameters())
        batches = DataLoader(TensorDataset(*data()), batch_size=64)
        model, optimizer, batches = accelerator.prepare(model, optimizer, batches)
        if not callback:
            for _ in self.epochs(accelerator, model, optimizer, batches):
                pass
            return
        with RelumeCallback(accelerator, model, path=new_path(), report=False) as relume:
            CLOCK.callback = relume
            for epoch in self.epochs(accelerator, model, optimizer, batches):
                relume.log(step=epoch)

    def epochs(self, accelerator: Any, model: Any, optimizer: Any, batches: Any) -> Iterator[int]:
        for epoch in range(STEPS // EPOCH):
            for x, y in batches:
                accelerator.backward(nn.functional.cross_entropy(model(x), y))
                optimizer.step()
                optimizer.zero_grad()
            yield epoch


ROWS = (Lightning(), Transformers(), Keras(), Skorch(), Accelerate())


def timed(row: Row, with_it: bool) -> tuple[float, float, float]:
    """(CPU seconds of the measured steps, of all the rest, wall seconds of those) of a training."""
    gc.collect()
    torch.manual_seed(0)
    callback = row.callback() if with_it else None
    CLOCK.calls, CLOCK.callback = 0, None if callback is True else callback
    start = time.process_time()
    row.train(callback)
    total = time.process_time() - start
    assert CLOCK.calls >= STEPS, CLOCK.calls
    held = CLOCK.callback
    if with_it:
        assert held.run.problems == (), held.run.problems
        assert held.run.trace().meta["records"] > 16
    return CLOCK.seconds, total - CLOCK.seconds, CLOCK.wall


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--only", default=",".join(row.name for row in ROWS))
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread; {arguments.pairs} pairs of {STEPS} steps")
    head = f"{'framework':14}{'plain ms':>9}{'busy':>6}{'ratio':>8}{'quartiles':>18}"
    print(f"{head}{'least':>8}{'once, s':>9}")
    for row in ROWS:
        if row.name not in arguments.only.split(","):
            continue
        if find_spec(row.name) is None:
            print(f"{row.name:14} not installed")
            continue
        timed(row, True), timed(row, False)  # what is loaded on first use
        plain, busy, ratios, once, both = [], [], [], [], []
        for pair in range(arguments.pairs):
            found = {}
            for with_it in (False, True) if pair % 2 == 0 else (True, False):
                found[with_it] = timed(row, with_it)
            plain.append(1e3 * found[False][0] / (STEPS - WARM))
            busy.append(found[False][2] / found[False][0])
            both.append((found[False][0], found[True][0]))
            ratios.append(found[True][0] / found[False][0])
            once.append(found[True][1] - found[False][1])
        least = min(b for _, b in both) / min(a for a, _ in both)
        low, middle, high = statistics.quantiles(ratios, n=4)
        print(
            f"{row.name:14}{statistics.median(plain):9.2f}{statistics.median(busy):6.1f}{middle:8.3f}"
            f"{f'{low:.3f} .. {high:.3f}':>18}{least:8.3f}{statistics.median(once):9.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
