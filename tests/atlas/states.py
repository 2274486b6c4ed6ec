"""States to try a figure in: its start, its presets, and every control at other places."""

import math
from collections.abc import Iterator

from relume.atlas.figure import Control, Figure, Setting, State

TRAINED = {"fit", "boundary"}
"""Kinds that train a net for each state: a few steps show the same as hundreds, and the smallest
difference of rounding grows with each."""

FEW = {"fit": 20.0, "boundary": 20.0}


def states(figure: Figure) -> list[dict[str, Setting]]:
    """States without repetition."""
    found: list[dict[str, Setting]] = []
    for state in _all(figure):
        if figure.kind in TRAINED:
            state["steps"] = min(float(state["steps"]), FEW[figure.kind])
        if state not in found:
            found.append(state)
    return found


def _all(figure: Figure) -> Iterator[dict[str, Setting]]:
    yield figure.start
    for preset in figure.presets:
        yield {**figure.start, **preset.state}
    for control in figure.controls:
        for value in places(control):
            yield {**figure.start, control.name: value}


def places(control: Control) -> list[Setting]:
    """Both ends and a place between; of a choice at most four, first and last among them."""
    if control.options:
        words = [word for word, _ in control.options]
        return list(dict.fromkeys([*words[:3], words[-1]]))
    middle = control.low + control.step * math.floor((control.high - control.low) / control.step / 3)
    return [control.low, round(middle, 6), control.high]


def link(letter: str, state: State) -> str:
    """The state as it stands in an address."""
    from urllib.parse import urlencode

    return urlencode({f"{letter}.{name}": _written(value) for name, value in state.items()})


def _written(value: Setting) -> str:
    return value if isinstance(value, str) else repr(float(value))
