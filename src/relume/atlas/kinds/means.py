"""Bars of several acts, side by side: what each does to a normal pre."""

from collections.abc import Sequence

from relume.acts.lookup import act as find
from relume.atlas.act_readings import flat_share, get, mean_of, spread_of
from relume.atlas.figure import Control, Figure, Preset, Say, State, display_name

WORDS = {
    "mean": "mean of the output",
    "off_centre": "mean of the output over its spread",
    "std": "spread of the output",
    "flat": "share of the pre where the slope is under 5 % of the largest",
}


def means(
    title: str,
    acts: Sequence[str],
    says: Sequence[Say],
    *,
    column: str = "mean",
    mu: float = 0.0,
    sigma: float = 1.0,
    presets: Sequence[Preset] = (),
) -> Figure:
    """The figure: a bar an act, for one of four properties."""
    controls = (
        Control("column", "what is shown", column, options=tuple(WORDS.items())),
        Control("mu", "mean of the pre", mu, -4, 4, 0.05),
        Control("sigma", "spread of the pre", sigma, 0.05, 5, 0.05),
    )

    def readings(state: State) -> dict[str, float]:
        return {name: _one(name, state) for name in acts}

    labels = {name: display_name(name) for name in acts}
    return Figure(
        "means", title, controls, readings, labels, tuple(says), tuple(presets), {"acts": [*acts]}
    )


def _one(name: str, state: State) -> float:
    act, mu, sigma = find(name), get(state, "mu"), get(state, "sigma")
    column = state["column"]
    if column == "mean":
        return mean_of(act, mu, sigma)
    if column == "flat":
        return flat_share(act, mu, sigma)
    spread = spread_of(act, mu, sigma)
    return spread if column == "std" else mean_of(act, mu, sigma) / spread
