"""Chooses the objective of a trial: as asked, or as fits the arms' runs."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from relume.core.trial import Arm, Objective, TrialRun
from relume.errors import UsageError
from relume.registry import unknown
from relume.trial.judge.metric_words import HELD_OUT, LESS_IS_BETTER, SHARES
from relume.trial.judge.objective_value import objective_value

RunsByArm = Mapping[tuple[str, int], TrialRun]
LOSS = Objective("training loss", "min", "loss")
YARDS = {"log-loss": "min", "accuracy": "max", "auc": "max", "error": "min"}
"""In order of preference: an accuracy cannot tell a right answer from a sure one."""
READS_LOGITS = ("cross_entropy", "bce_with_logits")
"""Criteria that turn whatever they get into probabilities: their value is -log p(target) by their
own reading, with or without an act before them. Others (`nll`, `bce`) take them as given."""
_SOURCES = ("loss", "reported", "printed", "returned", "yard", "validation")


def requested_objective(metric: str | None, better: str | None = None) -> Objective | None:
    """Return the objective that ``--metric`` names; None leaves it to `fitting_objective`.

    ``loss``; ``reported:NAME`` (by `relume.report_metric`); ``printed:WORDS`` (the last number that
    the script prints after these words); ``validation`` or ``validation:NAME`` (what it prints or
    logs on held-out rows); ``yard:accuracy``; ``pkg.mod:fn`` or ``file.py:fn``,
    called with the script's globals at its end.

    Raises:
        UsageError: no such metric or direction.
    """
    if better not in (None, "min", "max"):
        raise UsageError(unknown(better or "", ("min", "max"), "direction"))
    if metric is None:
        return None
    source, colon, name = metric.partition(":")
    if metric == "loss":
        return replace(LOSS, better=better or "min")
    if metric == "validation":
        return Objective("", better or "", "validation")  # named once the base has run
    if not colon or not name.strip():
        raise UsageError(
            f"--metric is {metric!r}; expected loss, validation, reported:NAME, printed:WORDS, "
            "yard:accuracy, or pkg.mod:function."
        )
    if source == "yard":
        if name not in YARDS:
            raise UsageError(unknown(name, YARDS, "yardstick"))
        return Objective(name, better or YARDS[name], "yardstick")
    if source in _SOURCES:
        return Objective(name, better or direction(name), source)
    return Objective(name, better or direction(name), metric)


def direction(name: str) -> str:
    """Return ``"min"`` or ``"max"``: which is better for a number, judged by its name."""
    words = _words(name)
    if any(word in SHARES for word in words):
        return "max"
    less = LESS_IS_BETTER | HELD_OUT.keys()  # a bare "val 0.31" beside "train 0.29" is a loss
    return "min" if any(word in less or word.endswith("loss") for word in words) else "max"


def is_loss(objective: Objective) -> bool:
    """Whether a hundredth of the first training loss is a measure for this number."""
    return objective.name in ("training loss", "loss", "log-loss")


def is_bounded(objective: Objective, values: Iterable[float]) -> float:
    """Return where this number ends: 1, or 100 in per cent; 0 where it has no end.

    >>> is_bounded(Objective("val acc", "max", "printed"), [71.2, 93.0])
    100.0
    """
    known = list(values)
    if objective.better != "max" or not known:
        return 0.0
    if all(-1.0 <= x <= 1.0 for x in known):
        return 1.0
    shares = any(word in SHARES for word in _words(objective.name)) or "%" in objective.name
    return 100.0 if shares and all(0.0 <= x <= 100.0 for x in known) else 0.0


def _words(name: str) -> list[str]:
    return re.sub(r"[^a-z0-9%]+", " ", name.lower()).split()


def fitting_objective(runs: RunsByArm, arms: Sequence[Arm]) -> tuple[Objective, str]:
    """Return the objective that fits these arms, and the reason where it is not the loss.

    1. What the script reports by `relume.report_metric`, or a function returns.
    2. The training loss, if every arm's criterion is the base's.
    3. A yardstick that all arms share.
    4. The training loss; arms with another criterion are not judged then (`incomparable_arms`).
    """
    measured = [run for run in runs.values() if run.metrics]
    for key in dict.fromkeys(key for run in measured for key in run.metrics):
        source, _, rest = key.partition(":")
        if source == "reported":
            name, _, better = rest.rpartition(":")
            return Objective(name, better, source), "the script reports it"
        if source == "returned":
            return Objective(rest, direction(rest), source), "the function returns it"
    if not incomparable_arms(runs, arms):
        words = sorted({run.criterion for run in measured if run.criterion})
        one = kind_of(words[0]) if len(words) > 1 else ""
        why = f"{one} reads what it gets as logits, whatever act stands before it" if one else ""
        return LOSS, why
    for name, better in YARDS.items():
        if measured and all(f"yard:{name}" in run.metrics for run in measured if run.loss):
            words = sorted({run.criterion for run in measured if run.criterion})
            why = f"the losses are of different kinds ({', '.join(words)})"
            return Objective(name, better, "yardstick"), why
    return LOSS, "the losses are of different kinds, and no yardstick fits all arms"


def require_judgeable(run: TrialRun, objective: Objective | None) -> None:
    """Refuse a program for which a lower loss is no gain, unless it has another objective.

    Raises:
        UsageError: models are trained against each other: one loss may fall as the other rises.
    """
    named = any(key.startswith(("reported:", "returned:")) for key in run.metrics)
    if objective is None and not named and run.metrics.get("opposed"):
        raise UsageError(
            "models are trained against each other here, so that a lower loss is no gain; name "
            "what to judge with --metric, such as --metric printed:FID --better min."
        )


def kind_of(criterion: str) -> str:
    """Return what kind of number a criterion gives: losses of one kind can be compared.

    >>> kind_of("cross_entropy of softmax times 0.5"), kind_of("nll of softmax")
    ('cross_entropy times 0.5', 'nll of softmax')
    """
    reads = criterion.startswith(READS_LOGITS)
    return re.sub(r"( of \w+)+", "", criterion) if reads else criterion


def incomparable_arms(runs: RunsByArm, arms: Iterable[Arm]) -> tuple[str, ...]:
    """Return the arms whose losses are of another kind than the base's (`kind_of`)."""
    base = {kind_of(run.criterion) for (name, _), run in runs.items() if name == "base"} - {""}
    return tuple(
        arm.name
        for arm in arms
        if {kind_of(s.criterion) for (name, _), s in runs.items() if name == arm.name} - {""} - base
    )


def revalue(runs: RunsByArm, objective: Objective) -> dict[tuple[str, int], TrialRun]:
    """Return the same runs with the value of this objective, from their metrics and output."""
    return {
        key: replace(run, value=objective_value(run.metrics, run.output, objective, run.held_out))
        for key, run in runs.items()
    }
