"""An act's curve with its slope: a point that slides along it, and a normal pre that feeds it."""

from collections.abc import Sequence

from relume.acts.lookup import act as find
from relume.atlas.act_readings import (
    bind_act,
    flat_share,
    get,
    mean_of,
    slope_at,
    spread_of,
    value_at,
)
from relume.atlas.figure import Control, Figure, Preset, Say, State, choose

LABELS = {
    "value": "f(z)",
    "slope": "slope f′(z)",
    "share": "slope as a share of the largest",
    "flat": "share of pre where the slope is under 5 % of the largest",
    "mean": "mean of the output",
    "std": "spread of the output",
}


def curve(
    title: str,
    acts: Sequence[str],
    says: Sequence[Say],
    *,
    z: float = 1.0,
    sigma: float = 1.0,
    more: Sequence[Control] = (),
    presets: Sequence[Preset] = (),
    shown: Sequence[str] = tuple(LABELS),
) -> Figure:
    """The figure; `more` are controls for the act's own parameters, under their names.

    The pre is normal around z, so that one point says both: where a unit sits, and what its
    noise or its data do there.
    """
    pick = [choose("act", "act", *acts[:1], *acts)] if len(acts) > 1 else []
    controls = (
        *pick,
        Control("z", "z, where the unit sits", z, -8, 8, 0.05),
        Control("sigma", "spread of the pre around z", sigma, 0.05, 5, 0.05),
        *more,
    )

    def readings(state: State) -> dict[str, float]:
        act = bind_act(str(state.get("act", acts[0])), state)
        at, wide = get(state, "z"), get(state, "sigma")
        return {
            "value": value_at(act, at),
            "slope": slope_at(act, at),
            "share": slope_at(act, at) / act.max_slope,
            "flat": flat_share(act, at, wide),
            "mean": mean_of(act, at, wide),
            "std": spread_of(act, at, wide),
        }

    return Figure(
        "curve",
        title,
        controls,
        readings,
        {name: LABELS[name] for name in shown},
        tuple(says),
        tuple(presets),
        {"acts": list(acts), "formulas": {name: find(name).formula for name in acts}},
    )
