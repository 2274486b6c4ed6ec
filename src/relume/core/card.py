"""Defines the nouns of a card: measured properties of an act, and the page made of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, cast

from relume.core.jsonable import Value, plain, printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


Details = Mapping[str, Value | tuple[Value, ...]]


@dataclass(frozen=True, slots=True)
class Measured:
    """One property of an act, as measured on this machine.

    Attributes:
        value: the number, word or flag; None where it does not apply or could not be measured,
            with the reason in `note`.
        error: a bound on abs(value - truth), or the half-width of a 95 % interval; None where
            the value is a word or a count.
        note: what a reader must know beside the value, in one line.
        details: further numbers by name.
        dtype: the dtype in which the act was evaluated.
        name, title, unit, group, better, method: the property's key, its words, its unit, its
            section of the card, which way is better (``"low"``, ``"high"`` or ``""`` where
            that has no meaning), and how it is measured.
    """

    value: Value
    error: float | None = None
    note: str = ""
    details: Details = field(default_factory=dict[str, Any])
    dtype: str = "float64"
    name: str = ""
    title: str = ""
    unit: str = ""
    group: str = ""
    better: str = ""
    method: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """Value and slope of an act over `z`, ascending; empty for an act that is not elementwise."""

    z: tuple[float, ...] = ()
    value: tuple[float, ...] = ()
    slope: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """What an act measurably is, on one machine and build.

    Attributes:
        act: its name, with those parameters that are not its defaults.
        family, formula, year, reference, kink: from the act's record.
        parameters: names and values; `learnable` names those that training learns.
        matches: the framework's names for it.
        machine: the processor, the number of threads, the system.
        torch, relume: the versions.
        measured: the properties by name, in the order of the card.
        curve: value and slope over the middle of the line.
    """

    act: str
    family: str
    formula: str
    year: int
    reference: str
    kink: str
    parameters: Mapping[str, Value]
    learnable: tuple[str, ...]
    matches: tuple[str, ...]
    machine: Mapping[str, Value]
    torch: str
    relume: str
    measured: Mapping[str, Measured]
    curve: Curve = field(default_factory=Curve)

    def __getitem__(self, name: str) -> Measured:
        return self.measured[name]

    def __str__(self) -> str:
        """The card in plain lines: what the act is, then each section with its properties."""
        lines = [f"{self.act}: f(z) = {self.formula}", f"{self.family}, {self.year or 'undated'}"]
        lines[1] += f", {self.reference}" if self.reference else ""
        group = ""
        for one in self.measured.values():
            if one.group != group:
                group = one.group
                lines += ["", group]
            note = f"  ({one.note})" if one.note else ""
            lines.append(f"  {one.title:<34} {_written(one)}{note}")
        lines += ["", f"torch {self.torch}, {', '.join(str(v) for v in self.machine.values())}"]
        return "\n".join(printable(line) for line in lines)

    def to_json(self, *, indent: int | None = 2) -> str:
        """The card as JSON, under the names of its attributes."""
        return json.dumps(plain(self), indent=indent, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Card:
        """The card that `to_json` wrote.

        Raises:
            ValueError: `text` is no card, or damaged.
        """
        try:
            data = json.loads(text)
            pairs: dict[str, Any] = {f.name: _revived(data[f.name]) for f in fields(cls)}
            properties = {name: Measured(**one) for name, one in pairs["measured"].items()}
            pairs |= {"measured": properties, "curve": Curve(**pairs["curve"])}
            card = cls(**pairs)
            str(card)  # touches every field that a reader needs
            same_length = len(card.curve.z) == len(card.curve.value) == len(card.curve.slope)
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"no card: {type(error).__name__} {error}") from None
        if not (same_length and all(name == one.name for name, one in properties.items())):
            raise ValueError("no card: its parts do not belong together")
        return card


def _written(one: Measured) -> str:
    if one.value is None:
        return "not applicable"
    if isinstance(one.value, bool):
        return "yes" if one.value else "no"
    if not isinstance(one.value, float):
        return f"{one.value} {one.unit}".rstrip()
    error = f" ± {one.error:.1g}" if one.error else ""
    return f"{one.value:.6g}{error} {one.unit}".rstrip()


def _revived(value: Any) -> Any:
    """Undo what `plain` made of tuples and of numbers that JSON does not have."""
    if isinstance(value, str) and value in ("inf", "-inf", "nan"):
        return float(value)
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value)
        return {name: _revived(item) for name, item in pairs.items()}
    if isinstance(value, list):
        return tuple(_revived(item) for item in cast("list[Any]", value))
    return value
