"""Every act by its year of publication, against what it does to a standard normal pre."""

from collections.abc import Sequence

from relume.acts.act import Act, shipped
from relume.atlas.act_readings import flat_share, mean_of, slope_at, square_of, value_at
from relume.atlas.figure import Control, Figure, Preset, Say, State, display_name
from relume.errors import UsageError

COLUMNS = {
    "backward": "gradient after 10 layers at the gain that keeps the signal",
    "flat": "share of the pre where the slope is under 5 % of the largest",
    "mean": "mean of the output",
    "high": "slope at z = 4",
}
NOT_SHOWN = {
    *("clamp", "maximum", "threshold", "hardshrink", "softshrink"),
    *("straight_step", "spike", "spike_atan", "erf", "derf", "laplace", "clipped_gelu"),
    *("gabor", "finer", "poly_relu", "sqrt_softplus"),
}
"""Forms of thresholding, and acts that differ little from one that is shown."""


def shown_acts() -> dict[str, Act]:
    """Return the elementwise acts by name, oldest first."""
    elementwise = {n: a for n, a in shipped().items() if a.elementwise and n not in NOT_SHOWN}
    return dict(sorted(elementwise.items(), key=lambda item: (item[1].year, item[0])))


def columns_of(act: Act) -> dict[str, float]:
    """Return the four properties of one act."""
    forward, back = square_of(act, 1.0), square_of(act, 1.0, slopes=True)
    if not forward > 0:
        raise UsageError(f"{act} is zero everywhere.")
    return {
        "backward": (back / forward) ** 5,
        "flat": flat_share(act, 0.0, 1.0),
        "mean": mean_of(act, 0.0, 1.0),
        "high": slope_at(act, 4.0),
    }


def timeline(title: str, says: Sequence[Say], *, presets: Sequence[Preset] = ()) -> Figure:
    """The figure: a dot an act; choosing one draws its curve."""
    table = {name: columns_of(act) for name, act in shown_acts().items()}
    words = tuple((name, display_name(name)) for name in table)
    controls = (
        Control("column", "height", "backward", options=tuple(COLUMNS.items())),
        Control("act", "act", "relu", options=words),
        Control("z", "z", 1.0, -6, 6, 0.05),
    )

    def readings(state: State) -> dict[str, float]:
        act, z = shipped()[str(state["act"])], float(state["z"])
        return {
            "year": float(act.year),
            "height": table[act.name][str(state["column"])],
            "value": value_at(act, z),
            "slope": slope_at(act, z),
        }

    labels = {"year": "year", "height": "height of the dot", "value": "f(z)", "slope": "slope"}
    data = {
        "table": {
            name: {"year": shipped()[name].year, "formula": shipped()[name].formula, **row}
            | {"reference": shipped()[name].reference}
            for name, row in table.items()
        }
    }
    return Figure("timeline", title, controls, readings, labels, tuple(says), tuple(presets), data)
