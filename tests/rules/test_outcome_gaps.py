"""A loss series with gaps, as the recorder's sleep leaves them, is told in true steps."""

import numpy as np
from traces import Build

from relume.core import Outcome
from relume.rules.outcome import _course, judge


def test_steps_are_those_of_the_run_not_those_that_were_read() -> None:
    steps = np.concatenate([np.arange(256), np.arange(900, 916), np.arange(1984, 2000)])
    course = _course(steps, np.linspace(2.0, 1.0, len(steps)), None)
    assert course.numbers()["steps"] == 2000
    assert course.count == 288


def noisy(level: float, seed: int = 0) -> Outcome:
    """240 steps around a level, noisier than a tenth of them can average away; chance is 1."""
    noise = np.random.default_rng(seed).normal(0, 0.6, 240)
    return judge(Build().loss(level + noise, 1.0, loss="mse").trace())


def test_a_flat_loss_is_averaged_over_all_that_is_flat() -> None:
    """A regression at a rate far too high ends no better than a constant guess, in much noise."""
    assert {noisy(1.1, seed).name for seed in range(8)} == {"stalled"}


def test_noise_that_may_hide_progress_leaves_it_open() -> None:
    names = {noisy(0.8, seed).name for seed in range(8)}
    assert "stalled" not in names
    assert "too-short" in names
