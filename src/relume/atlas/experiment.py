"""Defines an experiment of a lesson: arms, seeds, and a function that measures one arm once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from relume.registry import discover, lookup

Outcome = Mapping[str, float | None]
"""The numbers of one run, the objective first; None where the run did not arrive."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """One question put to a small network or to the clock.

    Attributes:
        name: ``"steps-to-error"``, also the name of the file that keeps the result.
        question: in words.
        measure: ``measure(seed, arm, rate)``: one run; the seed fixes everything random in it.
        arms: the variants by name, the base first, with words for each.
        columns: words for each thing that a run measures, the objective first.
        better: whether the objective is better when ``"min"`` or ``"max"``.
        seeds: the number of fresh seeds that every arm runs, fixed beforehand.
        rates: learning rates from which each arm takes its best on tuning seeds; all arms have
            the same list, and with one rate there is no tuning.
        unit: of the objective.
        setting: network, data and optimiser in a sentence.
        needs: a package that the experiment imports and that is optional.
        against: by arm, the arm that it is compared with where that is not the base.
    """

    name: str
    question: str
    measure: Callable[[int, str, float], Outcome]
    arms: Mapping[str, str]
    columns: Mapping[str, str]
    better: str = "min"
    seeds: int = 10
    rates: tuple[float, ...] = (0.1,)
    unit: str = ""
    setting: str = ""
    needs: str = ""
    against: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def base(self) -> str:
        """The arm with which the others are compared."""
        return next(iter(self.arms))

    @property
    def objective(self) -> str:
        """The number that is judged."""
        return next(iter(self.columns))


def experiments() -> dict[str, Experiment]:
    """Return all experiments by name."""
    return {e.name: e for e in discover("relume.atlas.experiments", Experiment)}


def experiment(name: str) -> Experiment:
    """Return the experiment called `name`.

    Raises:
        UnknownNameError: there is none; the message names the nearest.
    """
    return lookup(name, experiments(), "experiment")
