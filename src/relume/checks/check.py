"""`relume.check`: a model judged on a few passes, before any training or after all of it.

The recorder sees what it would see in a training; an optimiser that changes nothing ends each
pass. What only a training can show is listed as not checked.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relume.core import Diagnosis, Finding, NotChecked, Outcome, Rule, Severity, Trace
from relume.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

NEVER = ("ACT403", "ACT6")
"""What only a training shows: deaths, updates, the course of a loss."""
AT_ONCE = ("ACT601", "ACT602", "ACT604")
"""Of those, what passes without a step show: a lost gradient, values that are not finite."""
WHOLE = ("ACT103",)
"""Signs that are read off the graph and not off data: no training could show them to be milder."""
COUNTED = ("ACT102", "ACT303", "ACT4", "ACT5", "ACT601")
"""Rules that look at several batches; one is too little for them."""

KEPT = ("script", "argv", "started", "torch", "python", "relume", "device")
"""Of what is said about a run: what holds for one that trained nothing and kept no file."""


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """A check with the trace it was judged from."""

    diagnosis: Diagnosis
    trace: Trace


def check(
    model: nn.Module,
    batch: Any,
    criterion: Any = None,
    *,
    target: Any = None,
    trained: bool = False,
    select: Iterable[str] | None = None,
    ignore: Iterable[str] | None = None,
) -> Diagnosis:
    """Judge a model on a forward and a backward pass, and change nothing in it.

    Buffers, gradients, mode, hooks, random state and the modules' own attributes are afterwards as
    they were, in whatever way it ends.

    Args:
        model: a module, in the mode in which it is to be judged.
        batch: a tensor; a tuple of the model's arguments, and the target at the end where there is
            a criterion; a mapping of named arguments; or a data loader, of which up to 3,000 rows
            in at least eight batches are looked at.
        criterion: takes the output and the target, and gives a loss. Without it the rules of
            output and loss are not checked.
        target: the target, where it is not in the batch.
        trained: the weights are no initial ones, so the rules of initialisation are not asked.
        select: only these rules: codes, prefixes or names.
        ignore: not these rules.

    Returns:
        The diagnosis. A sign weighs one step less than in a training that fails, since nobody
        knows how this one would fare; faults of structure and of the loss keep their severity.

    Raises:
        UsageError: a batch that is none, an output without a gradient, a criterion without target.
        UnknownNameError: a rule that does not exist.
        Exception: whatever the model or the criterion raises, untouched.

    Example:
        >>> import torch, relume
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3))
        >>> diagnosis = relume.check(model, torch.randn(32, 4))
        >>> [finding.name for finding in diagnosis.findings if finding.severity > 1]
        ['missing-nonlinearity']
        >>> diagnosis.raise_if("error")
    """
    return look_at_model(
        model, batch, criterion, target=target, trained=trained, select=select, ignore=ignore
    ).diagnosis


def look_at_model(
    model: nn.Module,
    batch: Any,
    criterion: Any = None,
    *,
    target: Any = None,
    trained: bool = False,
    made_up: bool = False,
    name: str = "",
    select: Iterable[str] | None = None,
    ignore: Iterable[str] | None = None,
) -> ModelCheck:
    """`check`, with its trace; `made_up`: the batch is random, so nothing is said of inputs."""
    from relume.diagnosis import all_rules, judge_with, select_rules

    asked = select_rules(all_rules(), select, ignore)  # a wrong word is said before anything is run
    trace, batches = _recorded(model, batch, criterion, target, name or type(model).__name__)
    missing = {rule.code: _unfit(rule.code, criterion, batches, trained, made_up) for rule in asked}
    diagnosis = judge_with(trace, [rule for rule in asked if not missing[rule.code]])
    left = [NotChecked(r.code, r.name, "", *missing[r.code]) for r in asked if missing[r.code]]
    done = replace(
        diagnosis,
        findings=tuple(_weighed(f, asked, diagnosis.outcome) for f in diagnosis.findings),
        not_checked=(*diagnosis.not_checked, *left),
        outcome=_told(diagnosis.outcome, batches),
        meta={key: trace.meta[key] for key in KEPT if key in trace.meta} | {"batches": batches},
    )
    return ModelCheck(done, trace)


def _unfit(
    code: str, criterion: Any, batches: int, trained: bool, made_up: bool
) -> tuple[str, ...]:
    """Why a rule cannot be asked here, and what would let it; empty if it can."""
    if code.startswith(NEVER) and not code.startswith(AT_ONCE):
        return "it needs a training.", "train under `relume run` or `relume.watch`."
    if code.startswith("ACT2") and criterion is None:
        return "no criterion was given.", "give the loss function, and a target."
    if code.startswith("ACT3") and trained:
        return ("the weights are trained ones.",)
    if code == "ACT401" and not trained:
        return "without a training a dead unit is born dead.", "see born-dead (ACT303)."
    if code.startswith("ACT7") and made_up:
        return "the input was made up.", "give real data."
    if code.startswith(COUNTED) and batches < 2:
        return "one batch is too little.", "give a data loader, or several batches."
    return ()


def _weighed(finding: Finding, rules: Iterable[Rule], outcome: Outcome) -> Finding:
    sign = any(rule.code == finding.code and rule.symptom for rule in rules)
    said = finding.raw_severity
    if not sign or said is None or outcome.name == "diverged" or said <= Severity.NOTE:
        return finding
    if finding.code in WHOLE:
        return replace(finding, severity=max(finding.severity, said))
    return replace(finding, severity=max(finding.severity, Severity(said - 1)))


def _told(outcome: Outcome, batches: int) -> Outcome:
    if outcome.name == "diverged":
        return outcome
    many = "one batch" if batches == 1 else f"{batches} batches"
    return Outcome("no-loss", f"Checked on {many}, forward and backward, without training.")


def _recorded(
    model: nn.Module, batch: Any, criterion: Any, target: Any, name: str
) -> tuple[Trace, int]:
    """What the passes show; the loss is left out, since nothing is learned in them."""
    import numpy as np
    from torch import nn

    from relume.checks.preserve_state import lazy, preserve_state
    from relume.record.run import begin

    given: Any = model
    if not isinstance(given, nn.Module):
        raise UsageError(f"check() was given {type(given).__name__}; it takes a torch.nn.Module.")
    if next(model.parameters(), None) is None:
        raise UsageError(f"{name} has no parameter; there is nothing in it to check.")
    parts = (model, *([criterion] if isinstance(criterion, nn.Module) else []))
    with preserve_state(*parts), tempfile.TemporaryDirectory(prefix="relume-check-") as folder:
        # a lazy parameter is made by the first forward, and cannot be unmade: a copy is looked at
        seen = copy.deepcopy(model) if lazy(model) else model
        about: dict[str, Any] = {"script": name, "argv": []}
        run = begin(Path(folder, "check.sqlite"), (seen,), budget=1.0, every=1, about=about)
        with run:
            batches = _passes(seen, batch, criterion, target)
        trace = run.trace()
    loss = trace.series("", "loss")
    table = dict(trace.table)
    if loss is not None and bool(np.isfinite(loss.values).all()):
        del table["", "loss"]
    return replace(trace, table=table), batches


def _passes(model: nn.Module, batch: Any, criterion: Any, target: Any) -> int:
    import torch

    from relume.checks.batches import make_batches
    from relume.checks.preserve_state import NoOpOptimizer

    clock: NoOpOptimizer | None = None
    many = 0
    with torch.inference_mode(False), torch.enable_grad():
        for fed in make_batches(model, batch, target, judged=criterion is not None):
            output = model(*fed.args, **fed.named)
            _loss(output, fed.target, criterion).backward()
            clock = clock or NoOpOptimizer(
                model.parameters()
            )  # now, since a lazy one has them by now
            clock.step()
            clock.zero_grad()
            many += 1
    return many


def _loss(output: Any, target: Any, criterion: Any) -> Tensor:
    import torch

    from relume.checks.batches import outputs

    if criterion is not None:
        if target is None:
            raise UsageError(
                "a criterion was given and no target; give the batch as (inputs, target), or "
                "target=."
            )
        loss: Any = criterion(output, target)
        if not isinstance(loss, torch.Tensor) or loss.numel() != 1 or loss.grad_fn is None:
            raise UsageError("the criterion gave no single number with a gradient; a loss does.")
        return loss.reshape(())
    found = outputs(output)
    if not found:
        raise UsageError(
            f"the model gave {type(output).__name__} without a gradient; a floating tensor that "
            "hangs on its parameters was expected."
        )
    # The distance to a fixed pattern: a loss whose gradient differs from entry to entry, so that
    # none cancels, and which needs no random number.
    losses = [(part - _pattern(part)).square().mean() for part in found]
    return torch.stack(losses).sum() if len(losses) > 1 else losses[0]


def _pattern(like: Tensor) -> Tensor:
    import torch

    count = torch.arange(like.numel(), device=like.device, dtype=torch.float64)
    return torch.cos(1.7 * count).to(like.dtype).reshape(like.shape)
