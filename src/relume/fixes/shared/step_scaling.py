"""Multiplies an entry of the optimiser's groups for the length of each step."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch.optim.optimizer import Optimizer

from relume.core import Diagnosis, Finding
from relume.fixes.live.edit_job import EditJob, several

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession

_LARGE = ("update ratio", "learning rate")  # causes that ACT403 gives


def rate_killed(finding: Finding, diagnosis: Diagnosis) -> bool:
    """Whether too large steps killed units, as findings on the run or on these units say."""
    if any(f.code == "ACT605" for f in diagnosis.findings):
        return True
    return any(
        f.code == "ACT403"
        and f.evidence.more.get("cause") in _LARGE
        and (f.site == finding.site or finding.code != "ACT403")
        for f in diagnosis.findings
    )


def scale_rate(
    session: "EditSession", factor: Callable[[Optimizer, int], float], text: str
) -> None:
    """Multiply every group's rate by `factor(optimizer, steps taken)` for each step."""
    scale_entry(session, "lr", factor, text)


def scale_entry(
    session: "EditSession", name: str, factor: Callable[[Optimizer, int], float], text: str
) -> None:
    """Multiply an entry of every group by `factor(optimizer, steps taken)` for each step."""
    job = session.current
    counted: set[int] = set()
    job.no_effect = "no optimiser of torch took a step"
    job.describe = lambda job: _summary(job, text)

    def before(optimizer: Optimizer, count: int) -> None:
        by = factor(optimizer, count)
        changed = False
        for group in optimizer.param_groups:
            value = group.get(name)
            if value is None or isinstance(value, bool) or _is_zero(value):
                continue
            session.override(group, name, value * by)
            changed = True
        if changed and id(optimizer) not in counted:
            counted.add(id(optimizer))
            job.count("optimiser")
        elif not changed and not job.counts:
            job.no_effect = f"the optimiser has no {name} to change"

    session.on_step(before)


def _is_zero(value: object) -> bool:
    return isinstance(value, int | float) and value == 0


def _summary(job: EditJob, text: str) -> str:
    return f"{text} on {several(job.counts['optimiser'], 'optimiser')}"
