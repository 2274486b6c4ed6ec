"""The schedule by step number: even losses, records over the whole run, nested grids."""

import itertools

import pytest

from relume.core.loss_stride import LOSSES
from relume.record.schedule.step_schedule import (
    RECORDS,
    grid_level,
    next_loss,
    next_record,
    record_level,
)


def losses(steps: int) -> list[int]:
    read, step = [], 0
    while step < steps:
        read.append(step)
        step = next_loss(step)
    return read


def records(steps: int) -> list[int]:
    return [step for step in range(steps) if grid_level(step) >= record_level(step)]


@pytest.mark.parametrize("steps", [10, 345, 1_024, 2_047, 2_049, 5_000, 30_000, 123_457])
def test_the_loss_is_known_evenly_to_the_end(steps: int) -> None:
    read = losses(steps)
    stride = read[-1] - read[-2]
    even = [step for step in read if step % stride == 0]
    assert even == list(range(0, steps, stride))
    assert len(even) >= min(steps, 512)
    assert steps - 1 - read[-1] <= steps / 1_000
    assert len(read) <= LOSSES * (2 + steps.bit_length())


@pytest.mark.parametrize("steps", [20, 345, 1_000, 20_000])
def test_records_are_spread_over_the_whole_run(steps: int) -> None:
    made = records(steps)
    assert made[: 2 * RECORDS] == list(range(min(steps, 2 * RECORDS)))
    gaps = [two - one for one, two in itertools.pairwise([*made, steps])]
    assert max(gaps) <= max(1, 3 * steps / RECORDS)
    late = [step for step in made if step >= steps / 2]
    assert len(late) >= min(steps // 2, RECORDS) * 0.9


def test_grids_are_nested_and_nearly_even() -> None:
    for level in range(8):
        grid = [step for step in range(20_000) if grid_level(step) >= level]
        gaps = {two - one for one, two in itertools.pairwise(grid)}
        assert len(gaps) <= 3
        assert max(gaps) <= 2.7 * 2**level


@pytest.mark.parametrize("period", [2, 3, 5, 8, 32, 100])
def test_no_grid_falls_in_step_with_periodic_data(period: int) -> None:
    grid = [step % period for step in range(200_000) if grid_level(step) >= 5]
    shares = [grid.count(phase) / len(grid) for phase in range(period)]
    assert max(shares) < 1.3 / period
    assert min(shares) > 0.7 / period


def test_the_next_record_is_the_next_one() -> None:
    made = records(3_000)
    for one, two in itertools.pairwise(made):
        assert next_record(one, 10_000) == two
    assert next_record(2_000, 2_001) == 2_001


def test_a_twin_with_even_strides_falls_in_step() -> None:
    """Multiples of a power of two, the obvious grid, see one batch of 32 for ever."""
    assert {step % 32 for step in range(0, 200_000, 32)} == {0}
