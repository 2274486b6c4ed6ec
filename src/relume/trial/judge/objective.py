"""What is judged: as asked, or as fits what the arms have shown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from relume.core.trial import Arm, Objective, TrialRun
from relume.errors import UsageError
from relume.registry import unknown
from relume.trial.judge.objective_value import objective_value

Shots = Mapping[tuple[str, int], TrialRun]
LOSS = Objective("training loss", "min", "loss")
_LESS_IS_BETTER = ("loss", "error", "err", "mse", "mae", "rmse", "perplexity", "ppl", "nll")
_YARDS = {"log-loss": "min", "accuracy": "max", "auc": "max", "error": "min"}
"""In the order in which they are taken: an accuracy cannot tell a right answer from a sure one."""
_SOURCES = ("loss", "reported", "printed", "returned", "yard")


def requested_objective(metric: str | None, better: str | None = None) -> Objective | None:
    """The objective that ``--metric`` names; None leaves it to `fitting`.

    ``loss``; ``reported:NAME`` (by `relume.report_metric`); ``printed:WORDS`` (the last number that
    the script prints after these words); ``yard:accuracy``; ``pkg.mod:fn`` or ``file.py:fn``,
    called with the script's globals at its end.

    Raises:
        UsageError: words that mean nothing.
    """
    if better not in (None, "min", "max"):
        raise UsageError(unknown(better or "", ("min", "max"), "direction"))
    if metric is None:
        return None
    source, colon, name = metric.partition(":")
    if metric == "loss":
        return replace(LOSS, better=better or "min")
    if not colon or not name.strip():
        raise UsageError(
            f"--metric is {metric!r}; expected loss, reported:NAME, printed:WORDS, "
            "yard:accuracy, or pkg.mod:function."
        )
    if source == "yard":
        if name not in _YARDS:
            raise UsageError(unknown(name, _YARDS, "yardstick"))
        return Objective(name, better or _YARDS[name], "yardstick")
    if source in _SOURCES:
        return Objective(name, better or direction(name), source)
    return Objective(name, better or direction(name), metric)


def direction(name: str) -> str:
    """Whether a number of this name is better low or high, as far as its name says."""
    words = name.lower().replace("_", " ").replace("-", " ").split()
    return "min" if any(word in _LESS_IS_BETTER for word in words) else "max"


def fitting_objective(shots: Shots, arms: Sequence[Arm]) -> tuple[Objective, str]:
    """What these arms can be judged by, and a word on why where it is not the loss.

    1. What the script reports by `relume.report_metric`, or a function returns.
    2. The training loss, if every arm's criterion is the base's.
    3. A yardstick that all arms share.
    4. The training loss; arms with another criterion cannot be judged then (`strangers`).
    """
    some = [shot for shot in shots.values() if shot.metrics]
    for key in dict.fromkeys(key for shot in some for key in shot.metrics):
        source, _, rest = key.partition(":")
        if source == "reported":
            name, _, better = rest.rpartition(":")
            return Objective(name, better, source), "the script reports it"
        if source == "returned":
            return Objective(rest, direction(rest), source), "the function returns it"
    if not incomparable_arms(shots, arms):
        return LOSS, ""
    for name, better in _YARDS.items():
        if some and all(f"yard:{name}" in shot.metrics for shot in some if shot.loss):
            words = sorted({shot.criterion for shot in some if shot.criterion})
            why = f"the losses are of different kinds ({', '.join(words)})"
            return Objective(name, better, "yardstick"), why
    return LOSS, "the losses are of different kinds, and no yardstick fits all arms"


def is_judgeable(shot: TrialRun, given: Objective | None) -> None:
    """Whether a lower loss of this program would be a gain, if nothing else is to be judged.

    Raises:
        UsageError: models are trained against each other: what one loss gains the other may lose.
    """
    named = any(key.startswith(("reported:", "returned:")) for key in shot.metrics)
    if given is None and not named and shot.metrics.get("opposed"):
        raise UsageError(
            "models are trained against each other here, so that a lower loss is no gain; name "
            "what to judge with --metric, such as --metric printed:FID --better min."
        )


def incomparable_arms(shots: Shots, arms: Iterable[Arm]) -> tuple[str, ...]:
    """Arms whose criterion is not the base's: their losses are other numbers."""
    base = {shot.criterion for (name, _), shot in shots.items() if name == "base"} - {""}
    return tuple(
        arm.name
        for arm in arms
        if {s.criterion for (name, _), s in shots.items() if name == arm.name} - {""} - base
    )


def revalue(shots: Shots, objective: Objective) -> dict[tuple[str, int], TrialRun]:
    """The same shots, their value read anew for this objective from what they carry."""
    return {
        key: replace(shot, value=objective_value(shot.metrics, shot.output, objective))
        for key, shot in shots.items()
    }
