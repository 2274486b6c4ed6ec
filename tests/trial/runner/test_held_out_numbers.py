"""Numbers on held-out rows are found in what scripts print and log."""

import sys
from types import ModuleType
from typing import Any

import pytest

from relume.trial.runner.held_out_numbers import LoggedNumbers, printed_numbers, thinned

PRINTED = {
    "epoch 3: train loss 0.43, val loss 0.51, val acc 0.813": {"val loss": 0.51, "val acc": 0.813},
    "Test set: Average loss: 0.03, Accuracy: 9893/10000 (99%)": {
        "test loss": 0.03,
        "test accuracy": 0.9893,
    },
    "{'epoch': 1, 'train_loss': 0.5, 'val_loss': 0.4}": {"val loss": 0.4},
    "2026-11-30 21:00:01,123 Epoch 3 | Train 0.431 | Valid 0.512": {"val": 0.512},
    "Epoch [3/10] Loss: 0.310 Validation Accuracy: 92.30 %": {"val accuracy": 92.3},
    "epoch  train_loss  valid_loss  accuracy  time\n0  0.5  0.4  0.9  00:01": {
        "val loss": 0.4,
        "accuracy": 0.9,
    },
    "\r3/10 [00:01, loss=0.31, val_loss=0.30]\r4/10 [00:01, loss=0.3, val_loss=0.29]": {
        "val loss": 0.29
    },
    "Training:\n  loss 0.5\nValidation:\n  loss 0.4\n": {"val loss": 0.4},
    '{"split": "train", "loss": 0.3}\n{"split": "dev", "loss": 0.4}': {"val loss": 0.4},
    "Validation loss: tensor(0.1235)": {"val loss": 0.1235},
    "best val acc 0.9": {},  # never worse: it hides what is asked
    "Saved model at val epoch 3; test took 3 s": {},
    "loss 0.31 lr 0.001": {},
    "valid values 3": {},
}


@pytest.mark.parametrize("text", PRINTED)
def test_what_is_printed(text: str) -> None:
    found = {name: values[-1] for name, values in printed_numbers(text).items()}
    assert found == PRINTED[text]


def test_what_a_tracker_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    class SummaryWriter:
        def __init__(self) -> None:
            self.kept: list[Any] = []

        def add_scalar(self, tag: str, scalar_value: float, step: int = 0) -> None:
            self.kept.append((tag, scalar_value, step))

    module: Any = ModuleType("torch.utils.tensorboard.writer")
    module.SummaryWriter = SummaryWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard.writer", module)
    logged, board = LoggedNumbers(), SummaryWriter()
    logged.watch()
    board.add_scalar("Loss/train", 0.5, 1)
    board.add_scalar("Loss/val", 0.4, 1)
    board.add_scalar(tag="val/acc", scalar_value=0.9)
    assert logged.numbers == {"val loss": (0.4,), "val acc": (0.9,)}
    assert board.kept == [("Loss/train", 0.5, 1), ("Loss/val", 0.4, 1), ("val/acc", 0.9, 0)]


def test_first_and_last_values_are_kept() -> None:
    kept = thinned({"val loss": [float(k) for k in range(1003)]})["val loss"]
    assert (kept[0], kept[-1], len(kept) <= 50) == (0.0, 1002.0, True)
