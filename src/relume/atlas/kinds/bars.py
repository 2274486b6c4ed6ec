"""Bars of measured numbers with their intervals, arm by arm: from a stored result, or counted."""

from collections.abc import Mapping, Sequence
from typing import Any

from relume.atlas.figure import Control, Figure, Preset, Say, State, display_name

Spot = tuple[float | None, float | None, float | None]
"""A middle and the ends of its interval; None where nothing arrived."""


def bars(
    title: str,
    columns: Mapping[str, Mapping[str, Spot]],
    says: Sequence[Say],
    *,
    labels: Mapping[str, str],
    words: Mapping[str, str] | None = None,
    unit: str = "",
    points: Mapping[str, Mapping[str, Sequence[float]]] | None = None,
    presets: Sequence[Preset] = (),
    notes: Mapping[str, Any] | None = None,
) -> Figure:
    """The figure.

    Args:
        title: its name.
        columns: by measured quantity, each arm's value; the first quantity is shown first.
        says: sentences about the readings, which are the arms' values in the column shown.
        labels: words for the columns.
        words: words for the arms; their names if not given.
        unit: of the values.
        points: by quantity and arm the value of each seed, drawn as dots.
        presets: states to jump to.
        notes: the lines below: seeds, versions, machine.
    """
    arms = [*next(iter(columns.values()))]
    first = next(iter(columns))
    known = words or {name: display_name(name) for name in arms}
    controls = [
        Control("base", "compared with", "none", options=(("none", "nothing"), *known.items()))
    ]
    if len(columns) > 1:
        options = tuple((name, labels[name]) for name in columns)
        controls.insert(0, Control("column", "what is shown", first, options=options))

    def readings(state: State) -> dict[str, float]:
        column = columns[str(state.get("column", first))]
        base = 1.0 if state["base"] == "none" else column[str(state["base"])][0]
        ratios: dict[str, float] = {}
        for name, (mean, _, _) in column.items():
            ratios[name] = float("nan") if mean is None or not base else mean / base
        return ratios

    data = {
        "columns": {name: {arm: list(s) for arm, s in c.items()} for name, c in columns.items()},
        "columnLabels": dict(labels),
        "unit": unit,
        "points": {name: {a: list(p) for a, p in c.items()} for name, c in (points or {}).items()},
        "notes": dict(notes or {}),
    }
    return Figure(
        "bars", title, tuple(controls), readings, known, tuple(says), tuple(presets), data
    )
