"""Gradients that are not finite: which share of them, from when on, and nothing before."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import relume
from relume.core import Trace

STAT = "grad_nonfinite_share"


def training(path: Path, *, broken_at: int | None) -> Trace:
    """Six steps; on one of them a quarter of the rows of a weight's gradient is NaN."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    now = 0

    def break_some(gradient: Tensor) -> Tensor | None:
        if now != broken_at:
            return None
        gradient = gradient.clone()
        gradient[:2] = float("nan")
        return gradient

    model[0].weight.register_hook(break_some)
    with relume.watch(model, path=path, every=1) as run:
        for now in range(6):
            model(torch.randn(5, 4)).square().mean().backward()
            if now == broken_at:
                optimizer.zero_grad()  # as one who clips or skips would: the weights stay finite
            optimizer.step()
            optimizer.zero_grad()
    assert run.problems == ()
    return run.trace()


def test_share_is_recorded_from_the_first_time_on(tmp_path: Path) -> None:
    trace = training(tmp_path / "run.sqlite", broken_at=2)
    share = trace.series("0.weight", STAT)
    assert share is not None
    assert share.steps.tolist() == [2, 3, 4, 5]
    assert share.values.tolist() == [0.25, 0.0, 0.0, 0.0]
    norm = trace.series("0.weight", "grad_norm")
    assert norm is not None
    assert np.isfinite(norm.values).tolist() == [True, True, False, True, True, True]
    assert trace.series("2.weight", STAT) is None  # its gradient was finite throughout


def test_a_sound_training_has_no_such_series(tmp_path: Path) -> None:
    trace = training(tmp_path / "run.sqlite", broken_at=None)
    assert [key for key in trace.table if key[1] == STAT] == []
