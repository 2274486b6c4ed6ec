"""Runs an experiment: rates are tuned on their own seeds, then every arm runs on fresh seeds.

All arms of a seed run before the next seed, so that a machine that warms up or is busy for a
while does not favour one of them.
"""

import platform
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import torch

from relume import __version__
from relume.atlas.experiment import Experiment, Outcome
from relume.cards.build_card import machine
from relume.errors import UsageError

TUNING = 5
"""Seeds on which an arm chooses its rate; they are not among those it is judged on."""

FIRST_TUNING_SEED = 1000

Progress = Callable[[str, int, int], None]
"""Called with the current run's words, the number of runs done, and the number of all runs."""


def run_experiment(
    experiment: Experiment, *, seeds: int | None = None, progress: Progress
) -> dict[str, Any]:
    """Run the experiment and return its result as plain data.

    Args:
        experiment: the experiment.
        seeds: repetitions, if not the experiment's own number.
        progress: see `Progress`.

    Raises:
        UsageError: a package that it needs is not installed.
    """
    if experiment.needs and find_spec(_module(experiment.needs)) is None:
        raise UsageError(
            f"{experiment.name} needs {experiment.needs}, which is not installed; "
            "try: pip install 'relume[examples]'."
        )
    count = experiment.seeds if seeds is None else seeds
    tuned = len(experiment.rates) > 1
    total = len(experiment.arms) * (count + tuned * TUNING * len(experiment.rates))
    done = 0

    def one(arm: str, seed: int, rate: float) -> Outcome:
        nonlocal done
        progress(f"{experiment.name}: {experiment.arms[arm]}", done, total)
        outcome = experiment.measure(seed, arm, rate)
        done += 1
        return outcome

    rates = {arm: _rate(experiment, arm, one) for arm in experiment.arms}
    runs: dict[str, list[Outcome]] = {arm: [] for arm in experiment.arms}
    for seed in range(count):
        for arm in experiment.arms:
            runs[arm].append(one(arm, seed, rates[arm]))
    progress(experiment.name, total, total)
    return {
        "experiment": experiment.name,
        "seeds": count,
        "rates": rates if tuned else {},
        "versions": {
            "relume": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            **_version(experiment.needs),
        },
        "machine": {"cpu": machine()["cpu"], "system": machine()["system"]},
        "runs": {
            arm: {name: [_short(r[name]) for r in outcomes] for name in experiment.columns}
            for arm, outcomes in runs.items()
        },
    }


def _rate(experiment: Experiment, arm: str, one: Callable[[str, int, float], Outcome]) -> float:
    """Return the best rate for an arm, by the mean of the objective over the tuning seeds."""
    if len(experiment.rates) == 1:
        return experiment.rates[0]
    scores: list[tuple[float, float]] = []
    for rate in experiment.rates:
        objectives = [
            one(arm, FIRST_TUNING_SEED + at, rate)[experiment.objective] for at in range(TUNING)
        ]
        scores.append((_score(objectives, experiment.better), rate))
    return min(scores)[1]


def _score(values: Sequence[float | None], better: str) -> float:
    """Return a score, less is better; a run that did not arrive is worse than any that did."""
    sign = 1 if better == "min" else -1
    return sum(1e12 if v is None or v != v else sign * v for v in values)


def _short(value: float | None) -> float | None:
    return None if value is None or value != value else float(f"{value:.6g}")


def _module(package: str) -> str:
    return {"scikit-learn": "sklearn"}.get(package, package)


def _version(package: str) -> dict[str, str]:
    loaded = sys.modules.get(_module(package)) if package else None
    return {package: str(getattr(loaded, "__version__", "?"))} if loaded else {}
