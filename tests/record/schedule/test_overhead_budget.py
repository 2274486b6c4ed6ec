"""The budget against a simulated clock: what it claims to spend is what it spends."""

import itertools

import pytest

from relume.record.schedule.overhead_budget import (
    ALLOWANCE,
    EARLY,
    FORCED,
    TRAININGS,
    OverheadBudget,
)
from relume.record.schedule.step_schedule import grid_level, record_level


def simulate(
    budget: OverheadBudget, steps: int, *, step: float, claimed: float, true: float
) -> tuple[list[int], float]:
    """Records made, and the seconds that they truly took."""
    recorded, spent, want = [], 0.0, True
    for number in range(steps):
        spent += true if want else 0.0
        if want:
            recorded.append(number)
        want = budget.step(step + (true if want else 0.0), claimed if want else None)
    return recorded, spent


def test_a_long_run_holds_the_budget_once_the_allowance_is_spent() -> None:
    steps = 60_000
    _, spent = simulate(OverheadBudget(0.01), steps, step=1e-2, claimed=2e-2, true=3e-2)
    late = (spent - 1.6 * ALLOWANCE) / (steps * 1e-2)
    assert 0.0 < late < 0.0105


@pytest.mark.parametrize("hidden", [1.3, 2.3, 4.0])
def test_hidden_cost_is_found_and_charged(hidden: float) -> None:
    budget = OverheadBudget(0.02)
    _, spent = simulate(budget, 20_000, step=2e-2, claimed=2e-2, true=hidden * 2e-2)
    assert spent < 0.021 * 400 + 1.6 * ALLOWANCE + FORCED * hidden * 2e-2
    assert budget.alpha == pytest.approx(hidden, rel=0.1)


def test_a_recorder_that_trusted_its_own_clock_would_break_the_budget() -> None:
    """The twin: without calibration four times the budget goes unnoticed."""
    budget = OverheadBudget(0.02)
    budget._calibrate = lambda: None  # type: ignore[method-assign]
    budget.alpha = 1.0
    _, spent = simulate(budget, 20_000, step=2e-2, claimed=2e-2, true=8e-2)
    assert spent > 0.04 * 400


def test_first_steps_are_recorded_whatever_they_cost() -> None:
    recorded, _ = simulate(OverheadBudget(0.01), 100, step=1e-3, claimed=5.0, true=5.0)
    assert recorded == list(range(FORCED))


@pytest.mark.parametrize("speed", [0.25, 1.0, 10.0])
def test_the_clock_has_no_say_while_there_is_an_allowance(speed: float) -> None:
    """The same steps whatever the machine: those of the schedule."""
    cost = 5e-4 / speed
    recorded, _ = simulate(OverheadBudget(), 345, step=3e-4 / speed, claimed=cost, true=2 * cost)
    assert recorded == [n for n in range(345) if grid_level(n) >= record_level(n)]


def test_a_costly_model_does_not_spend_its_allowance_at_once() -> None:
    recorded, _ = simulate(OverheadBudget(0.01), 2_000, step=3e-2, claimed=3e-2, true=4.5e-2)
    early = [number for number in recorded if number < 64]
    assert len(early) * 4.5e-2 < (0.1 + 2.5 * EARLY) * ALLOWANCE
    gaps = [two - one for one, two in itertools.pairwise([*recorded, 2_000])]
    assert all(gap <= max(3, 1.5 * one) for one, gap in zip(recorded, gaps, strict=True))


def test_a_loss_jump_is_recorded_on_credit() -> None:
    budget = OverheadBudget(0.001)
    want = True
    for _ in range(2_000):
        want = budget.step(1e-3, 5e-3 if want else None)
    budget.credit = 0.0
    while grid_level(budget.number + 1) >= record_level(budget.number + 1):
        budget.step(1e-3, None)
    assert not budget.step(1e-3, None)
    budget.request()
    assert budget.step(1e-3, None)


def test_a_new_training_is_recorded_densely_again() -> None:
    budget = OverheadBudget()
    simulate(budget, 5_000, step=1e-3, claimed=1e-4, true=1e-4)
    budget.begin_training()
    recorded, _ = simulate(budget, 100, step=1e-3, claimed=1e-4, true=1e-4)
    assert len(recorded) > 95


def test_every_training_has_its_first_steps_though_the_allowance_is_spent() -> None:
    budget = OverheadBudget()
    simulate(budget, 200, step=1e-4, claimed=0.1, true=0.1)
    budget.begin_training()
    recorded, _ = simulate(budget, 40, step=1e-4, claimed=0.1, true=0.1)
    assert recorded[:FORCED] == list(range(FORCED))
    for _ in range(TRAININGS):
        budget.begin_training()
    assert simulate(budget, 40, step=1e-4, claimed=0.1, true=0.1)[0] in ([], [0])


@pytest.mark.parametrize("steps", [640, 1_000, 1_500])
def test_a_short_run_of_costly_records_is_seen_to_its_end(steps: int) -> None:
    """The grid's steps stay within a tenth of the end, the most that a "fine" allows."""
    budget = OverheadBudget(0.01)
    recorded, spent = simulate(budget, steps, step=5e-4, claimed=4e-3, true=4e-3)
    assert recorded[-1] >= 0.9 * steps
    assert spent < 1.1 * ALLOWANCE


@pytest.mark.parametrize("every", [None, 7])
def test_what_is_certain_is_certain(every: int | None) -> None:
    budget = OverheadBudget(0.01, every=every)
    want = True
    for _ in range(3_000):
        sure = budget.steps_until_record(50)
        twin = [
            grid_level(budget.number + k) >= record_level(budget.number + k) for k in range(sure)
        ]
        assert every is not None or not any(twin)
        want = budget.step(1e-3, 1e-4 if want else None)


def test_every_ignores_the_cost() -> None:
    recorded, _ = simulate(OverheadBudget(0.01, every=10), 100, step=1e-3, claimed=1.0, true=1.0)
    assert recorded == list(range(0, 100, 10))


def test_user_random_state_is_untouched() -> None:
    import random

    random.seed(3)
    before = random.getstate()
    simulate(OverheadBudget(0.01), 500, step=1e-3, claimed=1e-3, true=1e-3)
    assert random.getstate() == before
