"""Windows of per-unit counters as bytes: nothing is lost, and nothing is written twice.

Each field is kept in the smallest type that holds all its numbers exactly: counts as integers,
what was measured in float32 as float32, long sums as float64. A site's windows are thinned by
merging neighbours where they would take more than `SITE_BYTES`; merging is exact (`units.py`),
the first window, the state at initialisation, is never merged, and a site keeps at least `FEWEST`
windows, so a very wide one takes about 400 bytes a unit.
"""

import json
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relume.core import Window
from relume.record.units import merge

Floats = NDArray[np.float64]
Row = tuple[Any, ...]
Mark = tuple[int, int, int, int]

SITE_BYTES = 320_000  # of one site's windows: 64 MB for 200 sites
UNIT_BYTES = 64  # of one unit in one window, about; float64 throughout would be 96
FEWEST = 6  # windows, however wide the site: the first, and five of the course


def mark(window: Window) -> Mark:
    """What tells a window from another of the same site: counters only grow."""
    return (window.first, window.last, window.records, window.samples)


def fitted(windows: Sequence[Window]) -> list[Window]:
    """The windows, neighbours merged where they are too many for their width."""
    units = max((len(field) for w in windows[:1] for field in w.fields.values()), default=0)
    most = max(SITE_BYTES // (UNIT_BYTES * max(units, 1)), FEWEST)
    if len(windows) <= most:
        return list(windows)
    first, rest = windows[0], windows[1:]
    each = -(-len(rest) // (most - 1))
    groups = [rest[i : i + each] for i in range(0, len(rest), each)]
    return [first, *(reduce(merge, group) for group in groups)]


def packed(site: str, window: Window, *, small: bool) -> Row:
    """A row of the table `window`, after its id; in float64 throughout unless `small`."""
    types = [_type(field) if small else "f8" for field in window.fields.values()]
    data = b"".join(
        np.asarray(field).astype(f"<{kind}").tobytes()
        for kind, field in zip(types, window.fields.values(), strict=True)
    )
    return (site, *mark(window), json.dumps(list(window.fields)), " ".join(types), data)


def unpacked(names: str, types: str, data: bytes) -> Mapping[str, Floats]:
    """The fields of a window, as float64.

    Raises:
        ValueError: the parts do not fit together.
    """
    known, kinds = json.loads(names), types.split()
    width = sum(int(kind[1:]) for kind in kinds)
    units = len(data) // width if width else 0
    if units * width != len(data) or len(known) != len(kinds):
        raise ValueError("a window's fields do not fit its data")
    found: dict[str, Floats] = {}
    place = 0
    for name, kind in zip(known, kinds, strict=True):
        size = units * int(kind[1:])
        found[name] = np.frombuffer(data[place : place + size], f"<{kind}").astype(np.float64)
        place += size
    return found


def _type(field: Floats) -> str:
    """The smallest of u2, u4, f4 and f8 that holds every number of the field exactly."""
    with np.errstate(invalid="ignore", over="ignore"):
        for kind in ("u2", "u4", "f4"):
            if np.array_equal(field.astype(kind).astype(np.float64), field, equal_nan=True):
                # the sign of a zero is the one thing that an integer cannot keep
                if kind != "f4" and bool(np.signbit(field).any()):
                    continue
                return kind
    return "f8"
