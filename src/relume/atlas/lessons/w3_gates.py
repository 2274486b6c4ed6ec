"""W3 gates: Acts let some signals through and stop others

## Claim
An act gates the flow of information. A ReLU unit is open on one side of its line and shut on the
other, so every sample takes its own path through the net.

## What you see
The six units of a trained layer as lines through the data, and for the sample in the ring which
of them it passes. Below, the share of all data that each unit passes.

## What to move
The ring: each time it crosses a line, one gate opens or shuts. Within one cell of this pattern
of lines the net is linear. Let it train: the lines move to where they are needed. A router is such
a gate before whole layers, and an expert that it never opens learns nothing; a dropout is one that
chance shuts, and with too few left open the layers after it see noise.

## What is measured
The share of samples on which each unit's pre is above zero. The recorder measures the same in
your net as the pass share of a unit; a unit at 0 is dead, a unit at 1 bends nothing.

## Belongs to
rules: dead-units, sparse, acting-linear, stuck-gate, dead-experts, dropout-leaves-little
cards: relu, glu, swiglu

## Repeat it
`relume run train.py` records the shares of every unit; `relume explain sparse` says what is
healthy.
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.boundary import boundary
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """The gates of one layer."""
    says = (
        Say("The sample in the ring passes {passing} of the {width} units; the others are shut."),
    )
    presets = (
        Preset("before training", {"steps": 0}),
        Preset("trained", {}),
        Preset("a sample at the other end", {"px": -0.9, "py": -0.4}),
    )
    made = boundary(
        "Which units a sample passes",
        says,
        data="moons",
        view="gates",
        acts=("relu", "leaky_relu"),
        hidden=1,
        width=6,
        steps=300,
        most=400,
        presets=presets,
    )
    return (made,)


LESSON = lesson(__doc__, figures)
