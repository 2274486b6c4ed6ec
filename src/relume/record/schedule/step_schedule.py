"""Says by step number alone which steps are recorded and on which the loss is read.

A schedule that depends on the clock sees another part of a short run each time, and a diagnosis
that changes from run to run is worth little. So the numbers of the steps decide:

- **The loss** is read on every step up to the 2,047th, then on every second, from the 4,096th on
  on every fourth, and so on. A run of N steps, N above 1,024, has between 1,024 and 2,048 evenly
  spaced losses (`even`), and the last of them lies within a thousandth of its end.
- **Records** are made on every step up to the 127th, then on one step in 2, from the 256th on in 4,
  and so on: 64 for each doubling of the run, spread over all of it. The steps of a grid follow from
  multiples of the golden ratio (`grid_level`): nearly even, nested, and never in step with
  data that come in periods.
"""

from relume.core.loss_stride import loss_stride

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: steps between multiples are most even

RECORDS = 64  # for each doubling of the run


def grid_level(step: int) -> int:
    """How coarse a grid of steps still has this one: a share of 2^-n of all steps has n or more.

    The grids are nested, so that ranks which can afford different shares of the steps record
    common ones. Between two steps of a grid there are at most 2.7 times as many steps as on
    average (three-distance theorem, Sos 1958).

    Example:
        >>> [step for step in range(64) if grid_level(step) >= 3]
        [0, 5, 13, 18, 26, 34, 39, 47, 60]
    """
    return 64 - ((step * GOLDEN) & MASK).bit_length()


def record_level(step: int) -> int:
    """The coarsest grid whose steps are all recorded at this stage of a training."""
    return max(0, (step // RECORDS).bit_length() - 1)


def next_loss(step: int) -> int:
    """The first step after this one on which the loss is read.

    Example:
        >>> next_loss(7), next_loss(2047), next_loss(2048), next_loss(1_000_000)
        (8, 2048, 2050, 1000448)
    """
    stride = loss_stride(step + 1)
    return -(-(step + 1) // stride) * stride


def next_record(step: int, most: int) -> int:
    """The first step after this one that is recorded, or `most` if none before it is."""
    for later in range(step + 1, most):
        if grid_level(later) >= record_level(later):
            return later
    return most
