"""Defines an interactive figure: its controls, state, readings and sentences.

A figure is a function of its state: the same state gives the same picture and the same numbers,
so a link can hold it, a step of training is a number like any other, and a test can compare what
the browser shows with what this package computes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

Setting = float | str
State = Mapping[str, Setting]
Readings = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Control:
    """One control: a number between two ends, or one of several words.

    Attributes:
        name: in the state and in the link.
        label: for a person; `unit` follows the number.
        value: at the start.
        low, high, step: of a number; a figure without them chooses among `options`.
        options: ``(value, label)`` of a choice.
    """

    name: str
    label: str
    value: Setting
    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    options: tuple[tuple[str, str], ...] = ()
    unit: str = ""

    def problem(self, value: Setting) -> str | None:
        """Return why the control cannot have `value`; None if it can."""
        if self.options:
            known = [word for word, _ in self.options]
            return None if value in known else f"{self.name} is {value!r}; it is one of {known}"
        if isinstance(value, str) or not self.low <= value <= self.high:
            return f"{self.name} is {value!r}; it is a number from {self.low} to {self.high}"
        return None


@dataclass(frozen=True, slots=True)
class Say:
    """A sentence about the readings; `fill` replaces ``{name}``, ``{name%}`` and ``{name^}``.

    A figure shows the first sentence whose condition holds: `when` is the name of a
    reading or of a control, one of ``<``, ``<=``, ``>``, ``>=``, ``==``, ``!=``, and a number or
    a word; None always holds.
    """

    text: str
    when: tuple[str, str, Setting] | None = None


@dataclass(frozen=True, slots=True)
class Preset:
    """A named state to jump to: its label, and the controls that it sets."""

    label: str
    state: State


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that makes its point at once and then answers to its controls.

    Attributes:
        kind: which drawing the page uses.
        title: its name, also for screen readers.
        controls: its sliders and choices.
        readings: the numbers at a state, computed here; the page computes the same.
        labels: for each reading that is shown its words.
        says: sentences about the readings.
        presets: states to jump to.
        data: what the drawing needs besides: plain JSON.
    """

    kind: str
    title: str
    controls: tuple[Control, ...]
    readings: Callable[[State], Readings] = field(repr=False)
    labels: Mapping[str, str]
    says: tuple[Say, ...]
    presets: tuple[Preset, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)

    @property
    def start(self) -> dict[str, Setting]:
        """The state in which the figure opens."""
        return {control.name: control.value for control in self.controls}

    def sentence(self, state: State) -> str:
        """Return the sentence at a state."""
        readings = self.readings(state)
        words = {control.name: dict(control.options) for control in self.controls}
        state_words = {
            name: words[name].get(str(v), v) if words[name] else v for name, v in state.items()
        }
        for say in self.says:
            if say.when is None or holds({**state, **readings}[say.when[0]], *say.when[1:]):
                return fill(say.text, {**state_words, **readings})
        return ""

    def to_json(self) -> dict[str, Any]:
        """Return what the page needs: everything but `readings`, which the page computes itself."""
        return {
            "kind": self.kind,
            "title": self.title,
            "controls": [_plain(control) for control in self.controls],
            "labels": dict(self.labels),
            "says": [{"text": say.text, "when": say.when} for say in self.says],
            "presets": [{"label": p.label, "state": dict(p.state)} for p in self.presets],
            "data": dict(self.data),
        }


NAMES = {
    "relu": "ReLU",
    "leaky_relu": "Leaky ReLU",
    "prelu": "PReLU",
    "rrelu": "RReLU",
    "relu6": "ReLU6",
    "squared_relu": "squared ReLU",
    "star_relu": "StarReLU",
    "elu": "ELU",
    "selu": "SELU",
    "celu": "CELU",
    "xielu": "xIELU",
    "gelu": "GELU",
    "quick_gelu": "QuickGELU",
    "silu": "SiLU",
    "swish": "Swish",
    "mish": "Mish",
    "hardswish": "Hardswish",
    "softplus": "Softplus",
    "squareplus": "Squareplus",
    "softsign": "Softsign",
    "log_sigmoid": "LogSigmoid",
    "snake": "Snake",
    "straight_sign": "straight-through sign",
    "gaussian": "Gaussian",
    "dyt": "DyT",
    "jump_relu": "JumpReLU",
    "maxout": "Maxout",
    "identity": "identity (no act)",
    "glu": "GLU",
    "reglu": "ReGLU",
    "geglu": "GEGLU",
    "swiglu": "SwiGLU",
}
"""The usual spelling of acts' names; other acts have their own name."""


def display_name(name: str) -> str:
    """Return the usual spelling of an act's name."""
    return NAMES.get(name, name.replace("_", " "))


def choose(name: str, label: str, value: str, *words: str, **labels: str) -> Control:
    """Return a choice among acts by `words`, and among `labels`, which bring their own words."""
    known = dict.fromkeys(words)
    options = (*((word, display_name(word)) for word in known), *labels.items())
    return Control(name, label, value, options=options)


def number(value: float) -> str:
    """Return a number as web/src/lib/numbers.ts writes it: three significant digits, or all of a
    whole number."""
    if value != value:
        return "not a number"
    if value in (float("inf"), float("-inf")):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if value == int(value) and size < 1e9:
        text = f"{int(value):,}"
    elif size >= 1e4 or size < 1e-4:
        mantissa, _, power = _digits(value, 3, scientific=True).partition("e")
        text = f"{float(mantissa):g}e{int(power)}"
    elif size >= 1000:
        text = f"{math.floor(value + 0.5):,}"
    else:
        text = _digits(value, 3)
        if size < 1 and abs(float(text)) == 1:
            text = _digits(value, 6)
    return text.replace("-", "−")


def _digits(value: float, digits: int, *, scientific: bool = False) -> str:
    """Return so many significant digits, ties away from zero as in a browser."""
    exact = Decimal(value)
    quantum = Decimal(1).scaleb(exact.adjusted() - digits + 1)
    rounded = exact.quantize(quantum, rounding=ROUND_HALF_UP)
    return f"{rounded:e}" if scientific else f"{float(rounded):.10g}"


def power(exponent: float) -> str:
    """Return 10 to the power of `exponent` in words; far out only its order of magnitude."""
    if not math.isfinite(exponent):
        return "∞" if exponent > 0 else "0"
    if abs(exponent) < 4:
        return number(10**exponent)
    raised = str(abs(math.floor(exponent + 0.5))).translate(
        str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
    )
    return f"10{'⁻' if exponent < 0 else ''}{raised}"


def fill(text: str, values: Mapping[str, Setting]) -> str:
    """Replace ``{name}`` in `text` by a number, ``{name%}`` by a percentage, ``{name^}`` by a power
    of ten."""
    for name, value in values.items():
        if isinstance(value, str):
            text = text.replace(f"{{{name}}}", value)
        else:
            text = text.replace(
                f"{{{name}}}", number(value).replace(",", "") if name == "year" else number(value)
            )
            text = text.replace(f"{{{name}%}}", f"{number(100 * value)}\u00a0%")
            if f"{{{name}^}}" in text:
                text = text.replace(f"{{{name}^}}", power(value))
    return text


def holds(value: Setting, sign: str, bound: Setting) -> bool:
    """Whether ``value sign bound``."""
    if sign in ("==", "!="):
        return (value == bound) == (sign == "==")
    one, two = float(value), float(bound)
    return {"<": one < two, "<=": one <= two, ">": one > two, ">=": one >= two}[sign]


def _plain(control: Control) -> dict[str, Any]:
    common = {"name": control.name, "label": control.label, "value": control.value}
    if control.options:
        return {**common, "options": [list(option) for option in control.options]}
    return {
        **common,
        "low": control.low,
        "high": control.high,
        "step": control.step,
        "unit": control.unit,
    }
