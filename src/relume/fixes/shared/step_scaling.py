"""Multiplies an entry of the optimiser's groups for the length of each step."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch.optim.optimizer import Optimizer

from relume.core import Diagnosis, Finding
from relume.core.trial import Edit
from relume.fixes.base import Apply, ByHand, Write, option
from relume.fixes.live.edit_job import EditJob, several

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

_LARGE = ("update ratio", "learning rate")  # causes that DIED gives
HIGH, DIED = "ACT605", "ACT403"  # a learning rate too high, units that died in training


def rate_killed(finding: Finding, diagnosis: Diagnosis) -> bool:
    """Whether too large steps killed units, as findings on the run or on these units say."""
    if any(f.code == HIGH for f in diagnosis.findings):
        return True
    return any(
        f.code == DIED
        and f.evidence.more.get("cause") in _LARGE
        and (f.site == finding.site or finding.code != DIED)
        for f in diagnosis.findings
    )


def rate_factor(default: float) -> tuple[Apply, Write, ByHand]:
    """Return what applies, writes and puts in words an edit's factor on the learning rate."""

    def apply(edit: Edit, session: "EditSession") -> None:
        factor = float(option(edit, "factor", default))
        scale_rate(session, lambda _optimizer, _count: factor, f"learning rate times {factor:g}")

    def patch(edit: Edit, source: "Source") -> "Patch | None":
        from relume.fixes.source.optimizer_argument import scale_entry_patch

        return scale_entry_patch(source, "lr", float(option(edit, "factor", default)))

    def by_hand(edit: Edit, source: "Source") -> str:
        from relume.fixes.source.optimizer_argument import entry_instructions

        return entry_instructions(source, "lr", float(option(edit, "factor", default)))

    return apply, patch, by_hand


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
            session.override(group, name, _written(value * by))
            changed = True
        if changed and id(optimizer) not in counted:
            counted.add(id(optimizer))
            job.count("optimiser")
        elif not changed and not job.counts:
            job.no_effect = f"the optimiser has no {name} to change"

    session.on_step(before)


def _written(value: Any) -> Any:
    """Return a product as a patch writes it: 0.1 * 0.1 is 0.01."""
    return float(f"{value:.12g}") if isinstance(value, float) else value


def _is_zero(value: object) -> bool:
    return isinstance(value, int | float) and value == 0


def _summary(job: EditJob, text: str) -> str:
    return f"{text} on {several(job.counts['optimiser'], 'optimiser')}"


def schedule_patch(source: "Source", why: str, factor: str) -> "Patch | None":
    """Write a schedule by the number of steps, which follows the optimiser by itself.

    `factor` is an expression in ``step``, from 0.
    """
    from relume.fixes.source.setup_blocks import after_optimiser

    block = (
        f"# {why}\n"
        "by_step = torch.optim.lr_scheduler.LambdaLR("
        f"{{optimiser}}, lambda step: {factor})\n"
        "{optimiser}.register_step_post_hook(lambda *_: by_step.step())\n"
    )
    return after_optimiser(source, block)
