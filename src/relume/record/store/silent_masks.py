"""Packs which units were silent on a record, one bit a unit, so that ranks can merge that share.

The shares of silent units of two ranks do not determine the share of both: a unit is silent if it
was so on every rank. So a rank keeps the units themselves, for records that are not thinned yet: an
eighth of a byte a unit.
"""

import json
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]


def pack(silent: Mapping[str, Flags]) -> bytes:
    """Write the flags as one bit a unit, by site, deflated.

    Example:
        >>> masks = unpack(pack({"fc1": np.array([True, False, True])}))
        >>> masks["fc1"].tolist()
        [True, False, True]
    """
    head = json.dumps({site: len(flags) for site, flags in silent.items()}).encode()
    bits = b"".join(np.packbits(flags).tobytes() for flags in silent.values())
    return zlib.compress(len(head).to_bytes(4, "little") + head + bits, 1)


def unpack(body: bytes) -> dict[str, Flags]:
    """Read the flags that `pack` wrote.

    Raises:
        ValueError: the bytes are damaged.
    """
    try:
        data = zlib.decompress(body)
    except zlib.error as error:
        raise ValueError(f"silent units: {error}") from error
    place = 4 + int.from_bytes(data[:4], "little")
    masks: dict[str, Flags] = {}
    for site, units in json.loads(data[4:place]).items():
        size = -(-units // 8)
        bits = np.frombuffer(data[place : place + size], np.uint8)
        masks[site] = np.unpackbits(bits, count=units).astype(bool)
        place += size
    return masks
