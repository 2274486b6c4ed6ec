"""The budget against a simulated clock: what it claims to spend is what it spends."""

import itertools

import pytest

from relume.record.schedule.overhead_budget import FIRST_CREDIT, FORCED, OverheadBudget


def simulate(
    budget: OverheadBudget, steps: int, *, step: float, claimed: float, true: float
) -> tuple[list[int], float]:
    """Records made, and the share of time that they truly took."""
    recorded, spent, total, want = [], 0.0, 0.0, True
    for number in range(steps):
        seconds = step + (true if want else 0.0)
        spent += true if want else 0.0
        total += seconds
        if want:
            recorded.append(number)
        want = budget.step(seconds, claimed if want else None)
    return recorded, spent / total


def test_long_run_holds_the_budget_and_spends_it() -> None:
    _, share = simulate(OverheadBudget(0.01), 400_000, step=1e-3, claimed=1e-3, true=1.5e-3)
    assert 0.008 < share < 0.0115


@pytest.mark.parametrize("hidden", [1.3, 2.3, 4.0])
def test_hidden_cost_is_found_and_charged(hidden: float) -> None:
    budget = OverheadBudget(0.02)
    _, share = simulate(budget, 200_000, step=1e-3, claimed=1e-3, true=hidden * 1e-3)
    assert share < 0.023
    assert budget.alpha == pytest.approx(hidden, rel=0.1)


def test_a_recorder_that_trusted_its_own_clock_would_break_the_budget() -> None:
    """The twin: without calibration four times the budget goes unnoticed."""
    budget = OverheadBudget(0.02)
    budget._calibrate = lambda: None  # type: ignore[method-assign]
    budget.alpha = 1.0
    _, share = simulate(budget, 200_000, step=1e-3, claimed=1e-3, true=4e-3)
    assert share > 0.05


def test_first_steps_are_recorded_whatever_they_cost() -> None:
    recorded, _ = simulate(OverheadBudget(0.01), 100, step=1e-3, claimed=5.0, true=5.0)
    assert recorded[:FORCED] == list(range(FORCED))
    assert len(recorded) <= FORCED + 1


def test_short_run_is_seen_to_its_end() -> None:
    """The first credit is spread over the run, not spent on its first steps."""
    recorded, _ = simulate(OverheadBudget(0.01), 500, step=1e-3, claimed=1e-3, true=1.5e-3)
    assert recorded[:20] == list(range(20))
    assert recorded[-1] > 460
    assert len(recorded) > 60
    assert (len(recorded) - FORCED) * 1.5e-3 < FIRST_CREDIT


@pytest.mark.parametrize("steps", [60, 600, 6_000])
@pytest.mark.parametrize("cost", [1e-3, 1e-2])
def test_no_gap_is_longer_than_what_came_before(steps: int, cost: float) -> None:
    """Whatever a record costs and however long the run, its later half is seen too."""
    recorded, _ = simulate(OverheadBudget(0.01), steps, step=2e-3, claimed=cost, true=1.5 * cost)
    gaps = [two - one for one, two in itertools.pairwise([*recorded, steps])]
    assert all(gap <= max(3, 0.8 * one) for one, gap in zip(recorded, gaps, strict=True))


def test_records_do_not_fall_in_step_with_periodic_data() -> None:
    recorded, _ = simulate(OverheadBudget(0.05), 40_000, step=1e-3, claimed=1e-3, true=1e-3)
    late = [number % 20 for number in recorded if number > 20_000]
    shares = [late.count(phase) / len(late) for phase in range(20)]
    assert max(shares) < 3 / 20
    assert min(shares) > 0


def test_loss_jump_is_looked_at_on_credit() -> None:
    budget = OverheadBudget(0.001)
    want = True
    for _ in range(2_000):
        want = budget.step(1e-3, 5e-3 if want else None)
    budget.credit = 0.0
    assert not budget.step(1e-3, None)
    budget.request()
    assert budget.step(1e-3, None)


def test_every_ignores_the_cost() -> None:
    recorded, _ = simulate(OverheadBudget(0.01, every=10), 100, step=1e-3, claimed=1.0, true=1.0)
    assert recorded == list(range(0, 100, 10))


def test_user_random_state_is_untouched() -> None:
    import random

    random.seed(3)
    before = random.getstate()
    simulate(OverheadBudget(0.01), 500, step=1e-3, claimed=1e-3, true=1e-3)
    assert random.getstate() == before
