"""The law of thinning: what is kept of a stretch of old records, series by series.

Of every series, in every stretch: its **first** and **last** value, its **least** and its
**greatest**, each with the step at which it was measured. Nothing is averaged: every number that
is kept was measured at the step that is written beside it. Of equal values the earlier is kept; a
value that is not a number counts as greater than all, so that it is never lost.

Two neighbouring stretches become one by the same law, and it is the same whether a stretch was
thinned at once or by and by. All steps of a thinned series are still strictly increasing.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Key = tuple[str, str]

FIRST, LAST, LEAST, GREATEST = range(4)
POINTS = 4
NEVER = -1  # the step of a point that is not there: the series was not measured in the stretch
_HEAD = np.dtype("<i8")  # stretches, keys, the first step, bytes of a step, bytes of a value


@dataclass(frozen=True, slots=True)
class Stretches:
    """Consecutive thinned stretches of several series.

    Attributes:
        steps: (stretches, 4, series), `NEVER` where a series was not measured.
        values: of the same shape.
    """

    steps: Ints
    values: Floats

    def __len__(self) -> int:
        return len(self.steps)


def downsample(steps: Ints, values: Floats, present: Flags, length: int) -> Stretches:
    """Cut rows into stretches of `length` rows (the last may be shorter) and thin each.

    Args:
        steps: (rows,), increasing.
        values: (rows, series).
        present: (rows, series), False where a series was not measured on that row.
        length: rows of a stretch.

    Example:
        >>> at, x = np.arange(6), np.array([[3.0], [9], [5], [1], [4], [8]])
        >>> kept = thinned(at, x, x > 0, 6)
        >>> points(kept, 0)
        (array([0, 1, 3, 5]), array([3., 9., 1., 8.]))
    """
    rows, series = values.shape
    shape = (-(-rows // length), length, series)
    there, v = np.zeros(shape, dtype=bool), np.zeros(shape)
    at = np.zeros(shape[:2], dtype=np.int64)
    there.reshape(-1, series)[:rows], v.reshape(-1, series)[:rows] = present, values
    at.reshape(-1)[:rows] = steps
    first = there.argmax(1)
    last = length - 1 - there[:, ::-1].argmax(1)
    # NaN is no minimum (but argmin would take it), and is the maximum (as argmax takes it)
    least = np.where(there & ~np.isnan(v), v, np.inf).argmin(1)
    greatest = np.where(there, v, -np.inf).argmax(1)
    rows_kept = np.stack((first, last, least, greatest), 1)  # (stretches, 4, series)
    # of infinities alone argmin may take an absent row's stand-in: then the first is as good
    fine = np.take_along_axis(there, rows_kept, 1)
    rows_kept = np.where(fine, rows_kept, first[:, None, :])
    kept = np.take_along_axis(v, rows_kept, 1)
    taken = at[np.arange(len(at))[:, None, None], rows_kept]
    seen = there.any(axis=1, keepdims=True)
    return Stretches(np.where(seen, taken, NEVER), kept)


def merge_pairs(one: Stretches) -> Stretches:
    """Every two neighbouring stretches as one; of an odd number the last stays as it is."""
    even = len(one) // 2 * 2
    a, b = (Stretches(one.steps[i:even:2], one.values[i:even:2]) for i in (0, 1))
    no_a, no_b = a.steps < 0, b.steps < 0
    second = no_a.copy()  # (stretches, 4, series): take the later stretch's point
    second[:, LAST] = ~no_b[:, LAST]
    x, y = a.values[:, LEAST], b.values[:, LEAST]
    # infinity stands for NaN here: nothing is less than it, and of equals the earlier is kept
    second[:, LEAST] |= np.where(np.isnan(y), np.inf, y) < np.where(np.isnan(x), np.inf, x)
    x, y = a.values[:, GREATEST], b.values[:, GREATEST]
    second[:, GREATEST] |= (y > x) | (np.isnan(y) & ~np.isnan(x))
    second &= ~no_b
    steps, values = np.where(second, b.steps, a.steps), np.where(second, b.values, a.values)
    return Stretches(
        np.concatenate((steps, one.steps[even:])), np.concatenate((values, one.values[even:]))
    )


def concat(parts: Sequence[tuple[Sequence[Key], Stretches]]) -> tuple[tuple[Key, ...], Stretches]:
    """Stretches one after the other, over the union of their series."""
    keys = tuple(dict.fromkeys(key for known, _ in parts for key in known))
    if all(tuple(known) == keys for known, _ in parts):
        steps = np.concatenate([part.steps for _, part in parts])
        return keys, Stretches(steps, np.concatenate([part.values for _, part in parts]))
    column = {key: index for index, key in enumerate(keys)}
    total = sum(len(part) for _, part in parts)
    steps, values = np.full((total, POINTS, len(keys)), NEVER), np.zeros((total, POINTS, len(keys)))
    row = 0
    for known, part in parts:
        columns = [column[key] for key in known]
        steps[row : row + len(part), :, columns] = part.steps
        values[row : row + len(part), :, columns] = part.values
        row += len(part)
    return keys, Stretches(steps, values)


def by_step(stretches: Stretches) -> tuple[Ints, Floats, Flags]:
    """All points by step: steps and values (series, points), and which of them count.

    A point that is first and least at once counts once.
    """
    order = np.argsort(stretches.steps, axis=1, kind="stable")
    series = stretches.steps.shape[2]
    steps = np.take_along_axis(stretches.steps, order, 1).transpose(2, 0, 1).reshape(series, -1)
    values = np.take_along_axis(stretches.values, order, 1).transpose(2, 0, 1).reshape(series, -1)
    known = steps >= 0
    known[:, 1:] &= steps[:, 1:] != steps[:, :-1]
    return steps, values, known


def points(stretches: Stretches, series: int) -> tuple[Ints, Floats]:
    """The kept points of one series, by step."""
    steps, values, known = by_step(
        Stretches(stretches.steps[..., series : series + 1], stretches.values[..., series, None])
    )
    return steps[0][known[0]], values[0][known[0]]


def packed(stretches: Stretches, value_type: str) -> bytes:
    """As bytes: steps count from the first one, in the fewest bytes, deflated; then the values."""
    known = stretches.steps[stretches.steps >= 0]
    base = int(known.min()) if known.size else 0
    span = int(known.max()) - base + 1 if known.size else 0
    width = next(w for w in (2, 4, 8) if span < 2 ** (8 * w) or w == 8)
    # 0 is "not measured"; firsts and lasts are the same for most series and cost next to nothing
    offsets = np.where(stretches.steps < 0, 0, stretches.steps - base + 1).astype(f"<u{width}")
    told = zlib.compress(offsets.tobytes(), 1)
    with np.errstate(over="ignore"):
        data = np.ascontiguousarray(stretches.values, dtype=value_type).tobytes()
    count, _, series = stretches.steps.shape
    head = np.array([count, series, base, width, len(told)], dtype=_HEAD)
    return head.tobytes() + told + data


def unpacked(data: bytes, value_type: str) -> Stretches:
    """What `packed` made.

    Raises:
        ValueError: damaged bytes.
    """
    head = 5 * _HEAD.itemsize
    count, series, base, width, told = (int(x) for x in np.frombuffer(data[:head], _HEAD))
    shape = (count, POINTS, series)
    try:
        raw = zlib.decompress(data[head : head + told])
    except zlib.error as error:
        raise ValueError(f"thinned records: {error}") from error
    offsets = np.frombuffer(raw, f"<u{width}").reshape(shape).astype(np.int64)
    values = np.frombuffer(data[head + told :], value_type).reshape(shape).astype(np.float64)
    return Stretches(np.where(offsets == 0, NEVER, offsets - 1 + base), values)
