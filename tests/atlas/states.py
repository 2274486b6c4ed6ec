"""States to try a figure in: its start, its presets, and every control at other places."""

import math
from collections.abc import Iterator

from relume.atlas.figure import Control, Figure, Setting, State

FEW = {"fit": 10.0, "boundary": 12.0, "shape": 25.0, "cloud": 15.0}
"""Steps of training at most, by the kind of the figure: the smallest difference of rounding grows
with each, and where a rate is too high it grows fast."""

MOST = {"depth": {"gain": 4.0, "layers": 20.0}}
"""Of a net at a gain far above 1 a difference of rounding grows with every layer as well."""


def states(figure: Figure) -> list[dict[str, Setting]]:
    """States without repetition."""
    found: list[dict[str, Setting]] = []
    for state in _all(figure):
        if figure.kind in FEW:
            state["steps"] = min(float(state["steps"]), FEW[figure.kind])
        for name, most in MOST.get(figure.kind, {}).items():
            state[name] = min(float(state[name]), most)
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
    middle = control.low + control.step * math.floor(
        (control.high - control.low) / control.step / 3
    )
    return [control.low, round(middle, 6), control.high]


def link(letter: str, state: State) -> str:
    """The state as it stands in an address."""
    from urllib.parse import urlencode

    return urlencode({f"{letter}.{name}": _written(value) for name, value in state.items()})


def _written(value: Setting) -> str:
    return value if isinstance(value, str) else repr(float(value))
