"""A schedule that has ended long before the run, and what looks like one."""

from dataclasses import replace

import faults
import numpy as np
import pytest

from relume.core import Finding, Severity, Trace
from relume.diagnosis import diagnose


def told(trace: Trace) -> Finding | None:
    """The finding on an ended schedule, if there is one."""
    found = diagnose(trace, select=["ACT606"]).findings
    return next((f for f in found if f.evidence.stat == "spent_schedule_share"), None)


def with_rates(trace: Trace, values: np.ndarray) -> Trace:
    rate = replace(trace.table["", "learning_rate"], values=values)
    return replace(trace, table={**trace.table, ("", "learning_rate"): rate})


def test_the_step_is_named_and_a_plateau_keeps_a_warning() -> None:
    finding = told(faults.spent())
    assert finding is not None
    assert (finding.severity, finding.raw_severity) == (Severity.WARNING, Severity.ERROR)
    assert finding.steps[0] == 40
    assert "is 0 from step 40 of 400 on, after 0.001 at most" in finding.message


STEPS = np.arange(400)
ALIKE = {
    "ends with the run": 1e-3 * (1 - STEPS / 400),
    "warm restarts": 1e-3 * (1 - (STEPS % 100) / 99),
    "a rest that trains on": np.where(STEPS < 40, 1e-3, 1e-5),
    "never a rate": np.zeros(400),
}


@pytest.mark.parametrize("name", ALIKE)
def test_schedules_that_have_not_ended(name: str) -> None:
    assert told(with_rates(faults.spent(), ALIKE[name])) is None


def test_a_rate_that_was_lowered_because_the_loss_had_stopped() -> None:
    """As ReduceLROnPlateau does: what stopped the loss came first."""
    course = np.r_[np.linspace(2.3, 1.4, 40), np.full(360, 1.4)] + 0.01 * np.cos(STEPS)
    assert told(faults.spent(until=0.4, course=course)) is None
    assert told(faults.spent(until=0.1, course=course)) is not None


def test_a_rate_that_is_gone_once_the_loss_is_low() -> None:
    """Weights that rest on purpose at the end of a run that has learned."""
    course = np.r_[np.linspace(2.3, 0.2, 40), np.full(360, 0.2)] + 0.005 * np.cos(STEPS)
    assert told(faults.spent(course=course)) is None
