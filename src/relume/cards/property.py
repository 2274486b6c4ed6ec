"""Defines a property of an act, and the decorator that makes one.

A property is one function from an act to a `Measured`; its docstring is the method that the card
quotes. The files of this package bind them with `measures`; discovery finds them.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from relume.acts.act import Act
from relume.core import Measured

GROUPS = ("Shape", "Signal", "Flat and dead", "Precision", "Cost")
"""The sections of a card, in order."""

SEED = 20_100_621
"""Of every draw made for a card (the day ReLU was presented at ICML 2010); any number would do."""


@dataclass(frozen=True, slots=True)
class MeasureSetting:
    """What a card is measured at.

    Attributes:
        width, depth: units in a layer and layers of the random net in which units are born dead.
        samples: inputs on which such a unit must be dead; 3,000 is the rules' least evidence
            (page of ACT401), since no event in n samples bounds its chance by 3/n at 95 %.
        timing: whether time is measured.
    """

    width: int = 512
    depth: int = 8
    samples: int = 3000
    timing: bool = True


@dataclass(frozen=True, slots=True)
class Property:
    """A claim about an act that can be measured.

    Attributes:
        name, title, group, unit, better: see `Measured`.
        function: measures it; its docstring is the method.
        elementwise: it needs the slope of one element, which an act over an axis does not have.
        timed: it measures time.
    """

    name: str
    title: str
    group: str
    function: Callable[[Act, MeasureSetting], Measured] = field(repr=False)
    unit: str = ""
    better: str = ""
    elementwise: bool = True
    timed: bool = False

    @property
    def method(self) -> str:
        """The method of measurement, in words."""
        return " ".join((inspect.getdoc(self.function) or "").split())

    def measure(self, act: Act, setting: MeasureSetting) -> Measured:
        """Measure `act`; the result of a property that does not apply gives the reason."""
        if self.elementwise and not act.elementwise:
            result = missing("it works on a whole axis: one element has no value or slope alone")
        elif self.timed and not setting.timing:
            result = missing("not asked for: timing was off")
        else:
            result = self.function(act, setting)
        return replace(
            result,
            name=self.name,
            title=self.title,
            group=self.group,
            unit=self.unit,
            better=self.better,
            method=self.method,
        )


def measures(
    name: str, title: str, group: str, **more: str | bool
) -> Callable[[Callable[[Act, MeasureSetting], Measured]], Property]:
    """Make a property of the function below; `more` are further attributes of `Property`."""

    def make(function: Callable[[Act, MeasureSetting], Measured]) -> Property:
        assert group in GROUPS
        return Property(name, title, group, function, **more)  # pyright: ignore[reportArgumentType]

    return make


def missing(reason: str) -> Measured:
    """Return the result of a property that does not apply or could not be measured."""
    return Measured(None, note=reason)
