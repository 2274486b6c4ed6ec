"""Builds the card of an act: measures every property, or reads the stored card."""

import os
import platform
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import torch

from relume import __version__
from relume.acts.act import Act, acts
from relume.acts.lookup import act as find
from relume.cards import card_cache
from relume.cards.kinks import all_kinks
from relume.cards.line_search import distinct, numbers, slope, value
from relume.cards.property import GROUPS, MeasureSetting, Property
from relume.core import Card, Curve, Measured, Value
from relume.errors import UsageError
from relume.registry import discover

_MOST = 1 << 26
"""Largest samples * width and width^2 of the random nets: 256 MiB a tensor."""

_WORK = 2e13
"""Most operations of one random net: about ten minutes on two cores."""


def card(
    act: str | Act,
    *,
    width: int = 512,
    depth: int = 8,
    samples: int = 3000,
    timing: bool = True,
    fresh: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Card:
    """Return the card of an act: its properties, measured on this machine and build.

    ``card(act).measured[name]`` has a value, an error and a method for each property: range,
    kinks, moments, gains, saturation, dead units at birth, error by dtype, memory and time.
    A card takes a few seconds and is stored by machine, versions, setting and source in
    ``$RELUME_CACHE`` (``~/.cache/relume`` if that is not set). Acts whose source cannot be read
    are measured each time.

    Args:
        act: a name with its parameters, or an `Act`, a registered one included.
        width: units in a layer of the random nets in which units are born dead.
        depth: layers of those nets.
        samples: inputs on which a unit must be dead to count.
        timing: measure the nanoseconds, too.
        fresh: measure again, whatever is stored.
        progress: called with each property's title before it is measured.

    Returns:
        The `Card`; print it, or `.to_json()` it.

    Raises:
        UnknownNameError: no such act.
        UsageError: a width, depth or number of samples below 1 or beyond what fits in memory.

    Stability: all integrals are quadrature in float64; draws have their own generator, so no
        random number of the user's is consumed.

    Reference:
        The properties are those of lessons F1 to F10; each method is in `Measured.method`.

    Example:
        >>> import relume
        >>> page = relume.card("relu", timing=False, width=64, samples=500)
        >>> round(page["mean"].value, 3), page["saturation_low"].value
        (0.399, 0.0)
    """
    known = find(act)
    setting = _validate(MeasureSetting(width, depth, samples, timing))
    facts = {"machine": machine(), "torch": torch.__version__, "setting": repr(setting)}
    path = card_cache.place(known, {**facts, "relume": __version__})
    if path is not None and not fresh and (stored := card_cache.read(path)) is not None:
        return stored
    measured: dict[str, Measured] = {}
    for one in properties():
        if progress is not None:
            progress(one.title)
        measured[one.name] = one.measure(known, setting)
    made = Card(
        act=name_with_parameters(known),
        family=known.family,
        formula=known.formula,
        year=known.year,
        reference=known.reference,
        kink=known.kink,
        parameters={name: _plain(v) for name, v in known.defaults.items()},
        learnable=known.learnable,
        matches=known.matches,
        machine=machine(),
        torch=torch.__version__,
        relume=__version__,
        measured=measured,
        curve=curve(known),
    )
    if path is not None:
        card_cache.write(made, path)
    return made


def name_with_parameters(act: Act) -> str:
    """Return the name, with those parameters that are not the act's usual ones."""
    usual = acts().get(act.name, act).defaults
    named = [f"{name}={v!r}" for name, v in act.defaults.items() if v != usual.get(name)]
    return f"{act.name}({', '.join(named)})" if named else act.name


@cache
def properties() -> tuple[Property, ...]:
    """Return every property, in the order of the card."""
    known = discover("relume.cards", Property)
    return tuple(sorted(known, key=lambda one: GROUPS.index(one.group)))


def machine() -> dict[str, Value]:
    """Return the processor, torch's number of threads, and the system."""
    return {
        "cpu": _cpu(),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count() or 0,
    }


def curve(act: Act, points: int = 240) -> Curve:
    """Return f and f' for a plot from -6 to 6, or so far that every kink is well inside; both sides
    of a kink are points."""
    if not act.elementwise:
        return Curve()
    kinks = [k for k in all_kinks(act) if abs(k) < 30]
    reach = max([6.0, *(1.5 * abs(k) for k in kinks)])
    sides = [k + side * 1e-9 for k in kinks for side in (-1, 1)]
    even = torch.linspace(-reach, reach, points + 1, dtype=torch.float64)
    z = distinct(torch.cat((even, torch.tensor(sides, dtype=torch.float64))))
    values, slopes = value(act)(z), slope(act)(z)
    good = values.isfinite() & slopes.isfinite()
    return Curve(*(_rounded(t[good]) for t in (z, values, slopes)))


def _rounded(t: torch.Tensor) -> tuple[float, ...]:
    return tuple(float(f"{x:.10g}") for x in numbers(t))


def _plain(v: Any) -> Value:
    return v if isinstance(v, float | int | str | bool | None) else repr(v)


def _validate(setting: MeasureSetting) -> MeasureSetting:
    for name in ("width", "depth", "samples"):
        number = getattr(setting, name)
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise UsageError(f"{name} is {number!r}; it is a whole number from 1 on.")
    width, samples = setting.width, setting.samples
    if max(width * samples, width * width) > _MOST:
        raise UsageError(
            f"width {width:,} with {samples:,} samples does not fit in memory; "
            f"width times samples and width squared are at most {_MOST:,}."
        )
    if 2.0 * width * width * samples * setting.depth > _WORK:
        raise UsageError(f"a net of depth {setting.depth:,} and width {width:,} takes too long.")
    return setting


@cache
def _cpu() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine() or "unknown"
