"""`relume.check`: diagnoses a model on a few passes, before any training or after it.

The recorder records as it does in a training; an optimiser that changes nothing ends each pass.
What only a training can show is listed as not checked.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from relume.core import Diagnosis, Fact, Finding, NotChecked, Outcome, Rule, Severity, Trace
from relume.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from relume.checks.batches import Batch

MISSING: dict[str, tuple[str, ...]] = {
    "training": ("there was no training.", "train under `relume run` or `relume.watch`."),
    "criterion": ("no criterion was given.", "give the loss function, and a target."),
    "untrained": ("the weights are trained ones.",),
    "trained": ("without a training a dead unit is born dead.", "see born-dead (ACT303)."),
    "data": ("the input was made up.", "give real data."),
    "batches": ("one batch is too little.", "give a data loader, or several batches."),
}
"""By what a rule may need (`Rule.needs`): why it cannot run without, and what would let it."""

META_KEYS = ("script", "argv", "started", "torch", "python", "relume", "device")
"""Keys of a run's meta that hold for one that trained nothing and kept no file."""


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """The diagnosis of a check, with its trace."""

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
    probe: bool = False,
) -> Diagnosis:
    """Diagnose a model on a forward and a backward pass, and change nothing in it.

    Buffers, gradients, mode, hooks, random state and the modules' own attributes are restored, also
    where it fails.

    Args:
        model: a module, in the mode in which it is to be judged.
        batch: a tensor; a tuple of the model's arguments, and the target at the end where there is
            a criterion; a mapping of named arguments; or a data loader, of which up to 3,000 rows
            in at least eight batches are read.
        criterion: takes the output and the target, and gives a loss. Without it the rules of
            output and loss are not checked.
        target: the target, where it is not in the batch.
        trained: the weights are trained, so the rules of initialisation do not run.
        select: only these rules: codes, prefixes or names.
        ignore: not these rules.
        probe: also change one row and compare the others (rows-mixed), and train a copy for 200
            steps on the first batch (batch-not-learned; with a criterion).

    Returns:
        The diagnosis. A symptom weighs one step less than in a training that fails, since it is
        not known how this one would fare; faults of structure and of the loss keep their severity.

    Raises:
        UsageError: a batch that is none, an output without a gradient, a criterion without target.
        UnknownNameError: a rule that does not exist.
        Exception: what the model or the criterion raises, untouched.

    Example:
        >>> import torch, relume
        >>> from torch import nn
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3))
        >>> diagnosis = relume.check(model, torch.randn(32, 4))
        >>> [finding.name for finding in diagnosis.findings if finding.severity > 1]
        ['missing-nonlinearity']
        >>> diagnosis.raise_if("error")
    """
    return check_model(
        model,
        batch,
        criterion,
        target=target,
        trained=trained,
        select=select,
        ignore=ignore,
        probe=probe,
    ).diagnosis


def check_model(
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
    probe: bool = False,
) -> ModelCheck:
    """Check a model and return the trace too; `made_up`: the batch is random, not real data."""
    from relume.diagnosis import all_rules, judge_with, select_rules

    rules = select_rules(all_rules(), select, ignore)  # a wrong word raises before anything runs
    name = name or type(model).__name__
    trace, batches = _record_passes(model, batch, criterion, target, name, probe=probe)
    absent = _absent(criterion, batches, trained, made_up)
    missing = {rule.code: _reason_not_run(rule, absent) for rule in rules}
    diagnosis = judge_with(trace, [rule for rule in rules if not missing[rule.code]])
    skipped = [NotChecked(r.code, r.name, "", *missing[r.code]) for r in rules if missing[r.code]]
    done = replace(
        diagnosis,
        findings=tuple(_reweigh(f, rules, diagnosis.outcome) for f in diagnosis.findings),
        not_checked=(*diagnosis.not_checked, *skipped),
        outcome=_check_outcome(diagnosis.outcome, batches),
        verdict="",  # there was no training to say anything of
        unseen=(),
        meta={key: trace.meta[key] for key in META_KEYS if key in trace.meta}
        | {"batches": batches},
    )
    return ModelCheck(done, trace)


def _absent(criterion: Any, batches: int, trained: bool, made_up: bool) -> set[str]:
    """Return what rules may need and this check does not have."""
    there = {
        "training": False,
        "criterion": criterion is not None,
        "untrained": not trained,
        "trained": trained,
        "data": not made_up,
        "batches": batches > 1,
    }
    return {need for need, has in there.items() if not has}


def _reason_not_run(rule: Rule, absent: set[str]) -> tuple[str, ...]:
    """Return why a rule cannot run in a check, and what would let it; empty if it can."""
    return next((MISSING[need] for need in MISSING if need in absent & set(rule.needs)), ())


def _reweigh(finding: Finding, rules: Iterable[Rule], outcome: Outcome) -> Finding:
    """Return the finding with its stated severity, one step less for most symptoms."""
    rule = next(rule for rule in rules if rule.code == finding.code)
    stated = finding.raw_severity
    if not rule.symptom or stated is None or outcome.name == "diverged" or stated <= Severity.NOTE:
        return finding
    if rule.from_graph:
        return replace(finding, severity=max(finding.severity, stated))
    return replace(finding, severity=max(finding.severity, Severity(stated - 1)))


def _check_outcome(outcome: Outcome, batches: int) -> Outcome:
    if outcome.name == "diverged":
        return outcome
    many = "one batch" if batches == 1 else f"{batches} batches"
    return Outcome("no-loss", f"Checked on {many}, forward and backward, without training.")


def _record_passes(
    model: nn.Module, batch: Any, criterion: Any, target: Any, name: str, *, probe: bool
) -> tuple[Trace, int]:
    """Record the passes; drop their loss, since nothing is learned in them."""
    import numpy as np
    from torch import nn

    from relume.instrument.preserve_state import has_lazy_parts, preserve_state
    from relume.record.run import begin

    untyped: Any = model
    if not isinstance(untyped, nn.Module):
        raise UsageError(f"check() was given {type(untyped).__name__}; it takes a torch.nn.Module.")
    if next(model.parameters(), None) is None:
        raise UsageError(f"{name} has no parameter; there is nothing in it to check.")
    parts = (model, *([criterion] if isinstance(criterion, nn.Module) else []))
    with preserve_state(*parts), tempfile.TemporaryDirectory(prefix="relume-check-") as folder:
        # the first forward makes a lazy parameter, which cannot be undone: a copy is checked
        recorded = copy.deepcopy(model) if has_lazy_parts(model) else model
        about: dict[str, Any] = {"script": name, "argv": []}
        run = begin(Path(folder, "check.sqlite"), (recorded,), budget=1.0, every=1, about=about)
        with run:
            batches, first = _run_passes(recorded, batch, criterion, target)
        trace = _with_names(run.trace(), recorded)
        facts = tuple(_probed(recorded, first, criterion, probe=probe))
    loss = trace.series("", "loss")
    table = dict(trace.table)
    if loss is not None and bool(np.isfinite(loss.values).all()):
        del table["", "loss"]
    meta = {**trace.meta, "check": True}
    return replace(trace, table=table, facts=(*trace.facts, *facts), meta=meta), batches


def _probed(model: nn.Module, first: Batch, criterion: Any, *, probe: bool) -> Iterator[Fact]:
    """Yield what the probes find on the first batch."""
    import torch

    from relume.checks import probes

    def loss(output: Any, wanted: Any) -> Tensor:
        return _loss(output, wanted, criterion)

    with torch.inference_mode(False), torch.enable_grad():
        found = [probes.remade_layers(model, first, loss)]
        if probe:
            found.append(probes.rows_apart(model, first))
        if probe and criterion is not None:
            found.append(probes.learns_batch(model, first, loss))
    yield from (fact for fact in found if fact is not None)


def _with_names(trace: Trace, model: nn.Module) -> Trace:
    """Return the trace with the acts that the model's configuration names."""
    from relume.checks.named_acts import named_acts

    looks_for = [*(trace.meta.get("looks_for") or ()), "act-name"]
    facts = (*trace.facts, *named_acts(model))
    return replace(trace, meta={**trace.meta, "looks_for": looks_for}, facts=facts)


def _run_passes(model: nn.Module, batch: Any, criterion: Any, target: Any) -> tuple[int, Batch]:
    """Return how many batches passed, and the first: an iterator gives it only once."""
    import torch

    from relume.checks.batches import make_batches
    from relume.checks.no_op_optimizer import NoOpOptimizer

    clock: NoOpOptimizer | None = None
    many = 0
    passed: list[Batch] = []
    with torch.inference_mode(False), torch.enable_grad():
        for example in make_batches(model, batch, target, has_criterion=criterion is not None):
            output = model(*example.args, **example.named)
            _loss(output, example.target, criterion).backward()
            clock = clock or NoOpOptimizer(
                model.parameters()
            )  # now, since a lazy one has them by now
            clock.step()
            clock.zero_grad()
            passed = passed or [example]
            many += 1
    return many, passed[0]


def _loss(output: Any, target: Any, criterion: Any) -> Tensor:
    import torch

    from relume.checks.batches import differentiable_outputs

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
    tensors = differentiable_outputs(output)
    if not tensors:
        raise UsageError(
            f"the model gave {type(output).__name__} without a gradient; a floating tensor that "
            "hangs on its parameters was expected."
        )
    # The distance to a fixed pattern: a loss whose gradient differs from entry to entry, so that
    # none cancels, and which needs no random number.
    losses = [(part - _pattern(part)).square().mean() for part in tensors]
    return torch.stack(losses).sum() if len(losses) > 1 else losses[0]


def _pattern(like: Tensor) -> Tensor:
    import torch

    count = torch.arange(like.numel(), device=like.device, dtype=torch.float64)
    return torch.cos(1.7 * count).to(like.dtype).reshape(like.shape)
