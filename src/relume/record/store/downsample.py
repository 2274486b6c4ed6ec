"""Downsamples a stretch of old records, series by series, without averaging.

Of every series, in every stretch, four points stay: its **first** and **last** value, its **least**
and its **greatest**, each with the step at which it was measured. Every number that stays was
measured at the step beside it. Of equal values the earlier stays. NaN counts as greater than every
number, so it is never lost.

Two neighbouring stretches merge by the same law, and the result does not depend on whether a
stretch was thinned at once or in several merges. The steps of a thinned series strictly increase.
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
NEVER = -1  # step of a missing point: the series was not measured in the stretch
_HEAD = np.dtype("<i8")  # stretches, series, first step, bytes of a step, bytes of all steps


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
    """Cut rows into stretches of `length` rows (the last may be shorter) and downsample each.

    Args:
        steps: (rows,), increasing.
        values: (rows, series).
        present: (rows, series), False where a series was not measured on that row.
        length: rows of a stretch.

    Example:
        >>> at, x = np.arange(6), np.array([[3.0], [9], [5], [1], [4], [8]])
        >>> thinned = downsample(at, x, x > 0, 6)
        >>> points(thinned, 0)
        (array([0, 1, 3, 5]), array([3., 9., 1., 8.]))
    """
    rows, series = values.shape
    shape = (-(-rows // length), length, series)
    measured, padded = np.zeros(shape, dtype=bool), np.zeros(shape)
    step_of = np.zeros(shape[:2], dtype=np.int64)
    measured.reshape(-1, series)[:rows], padded.reshape(-1, series)[:rows] = present, values
    step_of.reshape(-1)[:rows] = steps
    first = measured.argmax(1)
    last = length - 1 - measured[:, ::-1].argmax(1)
    # NaN is no minimum (but argmin would take it), and is the maximum (as argmax takes it)
    least = np.where(measured & ~np.isnan(padded), padded, np.inf).argmin(1)
    greatest = np.where(measured, padded, -np.inf).argmax(1)
    rows_kept = np.stack((first, last, least, greatest), 1)  # (stretches, 4, series)
    # where all are infinite, argmin may pick an absent row's stand-in: then take the first
    valid = np.take_along_axis(measured, rows_kept, 1)
    rows_kept = np.where(valid, rows_kept, first[:, None, :])
    values_kept = np.take_along_axis(padded, rows_kept, 1)
    step_taken = step_of[np.arange(len(step_of))[:, None, None], rows_kept]
    any_measured = measured.any(axis=1, keepdims=True)
    return Stretches(np.where(any_measured, step_taken, NEVER), values_kept)


def merge_pairs(one: Stretches) -> Stretches:
    """Merge every two neighbouring stretches; of an odd number the last stays as it is."""
    even = len(one) // 2 * 2
    a, b = (Stretches(one.steps[i:even:2], one.values[i:even:2]) for i in (0, 1))
    no_a, no_b = a.steps < 0, b.steps < 0
    second = no_a.copy()  # (stretches, 4, series): whether the later stretch's point is taken
    second[:, LAST] = ~no_b[:, LAST]
    x, y = a.values[:, LEAST], b.values[:, LEAST]
    # infinity stands for NaN here: nothing is less than it, and of equals the earlier stays
    second[:, LEAST] |= np.where(np.isnan(y), np.inf, y) < np.where(np.isnan(x), np.inf, x)
    x, y = a.values[:, GREATEST], b.values[:, GREATEST]
    second[:, GREATEST] |= (y > x) | (np.isnan(y) & ~np.isnan(x))
    second &= ~no_b
    steps, values = np.where(second, b.steps, a.steps), np.where(second, b.values, a.values)
    return Stretches(
        np.concatenate((steps, one.steps[even:])), np.concatenate((values, one.values[even:]))
    )


def concat(parts: Sequence[tuple[Sequence[Key], Stretches]]) -> tuple[tuple[Key, ...], Stretches]:
    """Concatenate stretches over the union of their series."""
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
    """Sort all points by step: steps and values (series, points), and which of them count.

    A point that is both first and least counts once.
    """
    order = np.argsort(stretches.steps, axis=1, kind="stable")
    series = stretches.steps.shape[2]
    steps = np.take_along_axis(stretches.steps, order, 1).transpose(2, 0, 1).reshape(series, -1)
    values = np.take_along_axis(stretches.values, order, 1).transpose(2, 0, 1).reshape(series, -1)
    known = steps >= 0
    known[:, 1:] &= steps[:, 1:] != steps[:, :-1]
    return steps, values, known


def points(stretches: Stretches, series: int) -> tuple[Ints, Floats]:
    """The points of one series, by step."""
    steps, values, known = by_step(
        Stretches(stretches.steps[..., series : series + 1], stretches.values[..., series, None])
    )
    return steps[0][known[0]], values[0][known[0]]


def pack(stretches: Stretches, value_type: str) -> bytes:
    """Write stretches as bytes: deflated steps relative to the first one, then the values."""
    known = stretches.steps[stretches.steps >= 0]
    base = int(known.min()) if known.size else 0
    span = int(known.max()) - base + 1 if known.size else 0
    width = next(w for w in (2, 4, 8) if span < 2 ** (8 * w) or w == 8)
    # 0 means "not measured"; first and last steps are equal for most series and deflate well
    offsets = np.where(stretches.steps < 0, 0, stretches.steps - base + 1).astype(f"<u{width}")
    deflated = zlib.compress(offsets.tobytes(), 1)
    with np.errstate(over="ignore"):
        data = np.ascontiguousarray(stretches.values, dtype=value_type).tobytes()
    count, _, series = stretches.steps.shape
    head = np.array([count, series, base, width, len(deflated)], dtype=_HEAD)
    return head.tobytes() + deflated + data


def unpack(data: bytes, value_type: str) -> Stretches:
    """Read stretches that `pack` wrote.

    Raises:
        ValueError: the bytes are damaged.
    """
    head = 5 * _HEAD.itemsize
    count, series, base, width, size = (int(x) for x in np.frombuffer(data[:head], _HEAD))
    shape = (count, POINTS, series)
    try:
        raw = zlib.decompress(data[head : head + size])
    except zlib.error as error:
        raise ValueError(f"thinned records: {error}") from error
    offsets = np.frombuffer(raw, f"<u{width}").reshape(shape).astype(np.int64)
    values = np.frombuffer(data[head + size :], value_type).reshape(shape).astype(np.float64)
    return Stretches(np.where(offsets == 0, NEVER, offsets - 1 + base), values)
