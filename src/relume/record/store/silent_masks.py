"""Which units were silent on a record, one bit a unit: what ranks need to merge that share.

Of two ranks' shares of silent units the share of both together cannot be known: it is of those
units that were silent on either. So a rank keeps the units themselves, for records that are not
thinned yet: an eighth of a byte a unit.
"""

import json
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]


def packed(silent: Mapping[str, Flags]) -> bytes:
    """One bit a unit, by site, deflated.

    Example:
        >>> kept = unpacked(packed({"fc1": np.array([True, False, True])}))
        >>> kept["fc1"].tolist()
        [True, False, True]
    """
    head = json.dumps({site: len(flags) for site, flags in silent.items()}).encode()
    bits = b"".join(np.packbits(flags).tobytes() for flags in silent.values())
    return zlib.compress(len(head).to_bytes(4, "little") + head + bits, 1)


def unpacked(body: bytes) -> dict[str, Flags]:
    """What `packed` made.

    Raises:
        ValueError: damaged bytes.
    """
    try:
        data = zlib.decompress(body)
    except zlib.error as error:
        raise ValueError(f"silent units: {error}") from error
    place = 4 + int.from_bytes(data[:4], "little")
    found: dict[str, Flags] = {}
    for site, units in json.loads(data[4:place]).items():
        size = -(-units // 8)
        bits = np.frombuffer(data[place : place + size], np.uint8)
        found[site] = np.unpackbits(bits, count=units).astype(bool)
        place += size
    return found
