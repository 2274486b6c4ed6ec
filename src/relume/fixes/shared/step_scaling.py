"""What fixes of the learning rate share: lending the groups another rate for a step."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch.optim.optimizer import Optimizer

from relume.core import Diagnosis, Finding
from relume.fixes.live.edit_job import EditJob, several

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession

_LARGE = ("update ratio", "learning rate")  # signs that died-in-training names


def rate_killed(finding: Finding, diagnosis: Diagnosis) -> bool:
    """Whether steps were too large when units died: the diagnosis says so of the run or of them."""
    if any(f.code == "ACT605" for f in diagnosis.findings):
        return True
    return any(
        f.code == "ACT403"
        and f.evidence.more.get("cause") in _LARGE
        and (f.site == finding.site or finding.code != "ACT403")
        for f in diagnosis.findings
    )


def scale_rate(bench: "EditSession", factor: Callable[[Optimizer, int], float], text: str) -> None:
    """Every group's rate times `factor(optimizer, steps taken)`, for the length of each step."""
    scale_entry(bench, "lr", factor, text)


def scale_entry(
    bench: "EditSession", name: str, factor: Callable[[Optimizer, int], float], text: str
) -> None:
    """An entry of every group times a factor, for the length of each step."""
    job = bench.current
    met: set[int] = set()
    job.wanting = "no optimiser of torch took a step"
    job.words = lambda job: _told(job, text)

    def before(optimizer: Optimizer, count: int) -> None:
        by = factor(optimizer, count)
        changed = False
        for group in optimizer.param_groups:
            value = group.get(name)
            if value is None or isinstance(value, bool) or _is_zero(value):
                continue
            bench.lend(group, name, value * by)
            changed = True
        if changed and id(optimizer) not in met:
            met.add(id(optimizer))
            job.did("optimiser")
        elif not changed and not job.counts:
            job.wanting = f"the optimiser has no {name} to change"

    bench.on_step(before)


def _is_zero(value: object) -> bool:
    return isinstance(value, int | float) and value == 0


def _told(job: EditJob, text: str) -> str:
    return f"{text} on {several(job.counts['optimiser'], 'optimiser')}"
