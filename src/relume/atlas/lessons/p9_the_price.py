"""P9 the-price: Leaky ReLU, ELU and Maxout each cure some of it, at a price

## Claim
Leaky ReLU, PReLU, ELU and Maxout avoid dead units; each pays for it: in parameters, in time, in
memory, in saturation.

## What you see
The parameters of a layer of 64 units under each act. Maxout of two pieces has twice as many.

## What to move
What is shown: parameters, bytes that autograd keeps for the act, the share of a normal pre that
is flat, and that has no slope at all; and nanoseconds, measured. Compare with ReLU.

## What is measured
Parameters and bytes are counted in the modules of this package as the page is made; shares are by
quadrature; the time is from the experiment act-cost.

## Belongs to
rules: costly-act, saturated-units, dead-units
fixes: swap-act
cards: leaky_relu, prelu, elu, maxout, relu

## Repeat it
`relume card --compare relu,leaky_relu,prelu,elu,maxout`
"""

from relume.acts.families.maxout_layers import Maxout
from relume.acts.lookup import act as find
from relume.atlas.act_readings import flat_share
from relume.atlas.experiment import experiment
from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.bars import Spot, bars
from relume.atlas.lesson import lesson
from relume.atlas.measured_figures import median_intervals
from relume.atlas.result_cache import stored_result
from relume.cards.flatness import zero_slope_share
from relume.cards.property import MeasureSetting
from relume.cards.saved_memory import saved_bytes

ACTS = ("relu", "leaky_relu", "prelu", "elu", "maxout")
UNITS = 64


def figures() -> tuple[Figure, ...]:
    """The price list."""
    columns = {
        "parameters": {name: _exact(_parameters(name)) for name in ACTS},
        "bytes": {name: _exact(_measured(saved_bytes, name)) for name in ACTS},
        "flat": {name: _exact(_flat(name)) for name in ACTS},
        "dead": {name: _exact(_measured(zero_slope_share, name)) for name in ACTS},
        **_times(),
    }
    labels = {
        "parameters": f"parameters of a layer of {UNITS} units with {UNITS} inputs",
        "bytes": "bytes an element that autograd keeps for the act",
        "flat": "share of a normal pre under 5 % of the largest slope",
        "dead": "share of a normal pre without any slope",
        "time": "the act forward and backward, ns an element",
    }
    says = (
        Say("A Maxout layer costs {maxout} times the layer of a {base}.", ("base", "!=", "none")),
        Say(
            "Maxout of two pieces has {maxout} parameters where ReLU has {relu}.",
            ("column", "==", "parameters"),
        ),
        Say(
            "Leaky ReLU has a slope everywhere ({leaky_relu%} without), ReLU none on {relu%}.",
            ("column", "==", "dead"),
        ),
        Say("ReLU stands at {relu}, Leaky ReLU at {leaky_relu}, ELU at {elu}."),
    )
    presets = (
        Preset("parameters", {}),
        Preset("against ReLU", {"base": "relu"}),
        Preset("memory", {"column": "bytes"}),
        Preset("no slope at all", {"column": "dead"}),
    )
    notes = {
        "missing": {name: {"maxout": "has no curve of one variable"} for name in ("flat", "dead")}
    }
    return (
        bars("What each cure costs", columns, says, labels=labels, presets=presets, notes=notes),
    )


def _exact(value: float | None) -> Spot:
    return value, value, value


def _parameters(name: str) -> float:
    if name == "maxout":
        return float(sum(p.numel() for p in Maxout(UNITS, UNITS).parameters()))
    own = sum(p.numel() for p in find(name).module().parameters())
    return float(UNITS * UNITS + UNITS + own)


def _measured(which: object, name: str) -> float | None:
    from relume.cards.property import Property

    assert isinstance(which, Property)
    found = which.measure(find(name), MeasureSetting(UNITS, 1, 1, False)).value
    return float(found) if isinstance(found, int | float) else None


def _flat(name: str) -> float | None:
    return flat_share(find(name), 0.0, 1.0) if find(name).elementwise else None


def _times() -> dict[str, dict[str, Spot]]:
    """The clock's column, where an experiment has filled it."""
    known = stored_result(experiment("act-cost"))
    if known is None:
        return {}
    found = median_intervals(known, "train")
    return {"time": {name: found.get(name, (None, None, None)) for name in ACTS}}


LESSON = lesson(__doc__, figures)
