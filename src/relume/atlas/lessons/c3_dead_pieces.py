"""C3 dead-pieces: Maxout does not saturate, but its pieces can die

## Claim
Maxout's gradient is said never to die. That is true of the unit: some piece is always the
largest, and it has a slope.

## What you see
A Maxout unit whose last piece began below the others. It is nowhere the largest, so no point
teaches it, and the three others do all the work.

## What to move
How far below the piece starts: up to a certain depth it is reached, beyond it never. The steps: a
dead piece does not come back. The number of pieces, to pay for pieces that do nothing.

## What is measured
The pieces that are the largest at none of the points, the loss, and the parameters, of which the
dead piece's are wasted.

## Correction
No unit dies; pieces do. `Maxout.piece_shares(x)` says how often each piece wins on your data; one
at 0 is dead on them.

## Belongs to
rules: dead-units
fixes: swap-act
cards: maxout

## Repeat it
In Python: `relume.acts.Maxout(64, 64, pieces=4).piece_shares(x)`
"""

from relume.atlas.figure import Figure, Preset, Say
from relume.atlas.kinds.shape import maxout
from relume.atlas.lesson import lesson


def figures() -> tuple[Figure, ...]:
    """A sunken piece."""
    says = (
        Say(
            "{dead} of {pieces} pieces is dead: nowhere the largest, and taught by no point in "
            "{steps} steps. The loss is {loss}.",
            ("dead", ">", 0),
        ),
        Say("All {pieces} pieces are the largest somewhere; the loss is {loss}."),
    )
    presets = (
        Preset("sunken by 4", {}),
        Preset("not sunken", {"sunk": 0.0}),
        Preset("sunken by 1", {"sunk": 1.0}),
        Preset("six pieces, one sunken", {"pieces": 6}),
    )
    made = maxout("A Maxout unit with a dead piece", says, dead=4.0, presets=presets)
    return (made,)


LESSON = lesson(__doc__, figures)
