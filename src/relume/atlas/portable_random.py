"""Draws random numbers that a browser draws too: a seed gives the same numbers in both.

The generator is mulberry32 (32 bits of state, whole period): good enough for pictures and small
nets, and a few exact integer operations in any language.
"""

import math
from collections.abc import Generator

_MASK = 0xFFFFFFFF


def portable_uniforms(seed: int) -> Generator[float]:
    """Yield uniform numbers in [0, 1) without end."""
    state = seed & _MASK
    while True:
        state = (state + 0x6D2B79F5) & _MASK
        t = ((state ^ (state >> 15)) * (state | 1)) & _MASK
        t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & _MASK)) & _MASK
        yield ((t ^ (t >> 14)) & _MASK) / 4294967296


def portable_normals(seed: int) -> Generator[float]:
    """Yield standard normal numbers, by Box and Muller, one for every two uniform ones."""
    source = portable_uniforms(seed)
    while True:
        radius = math.sqrt(-2 * math.log(1 - next(source)))
        yield radius * math.cos(2 * math.pi * next(source))
