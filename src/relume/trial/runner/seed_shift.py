"""Shifts the seeds of a script by the number of the repetition, the same for every arm.

What the script seeds itself (`torch.manual_seed`, `torch.cuda.manual_seed*`,
`torch.Generator().manual_seed`, `numpy.random.seed`, `numpy.random.default_rng(n)`,
`random.seed`) gets `n + k * STRIDE` in repetition k; what it does not seed (no seed at all,
`torch.seed()`, `default_rng()`) is seeded from k, so that arms differ only in their edits. At k = 0
the script's own seeds stay as they are.

A seed passed to a library as data (scikit-learn's `random_state=`, `numpy.random.RandomState(n)`,
`random.Random(n)`) stays: it chooses the data set or its split, and a trial repeats the training,
not the data.
"""

import random
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from relume.instrument.monkeypatch import Patch, patched, replaced

STRIDE = 7919
"""A prime far from the seeds that people use, so that a script's own seeds 0, 1, 2 do not equal
those of another repetition."""
_NUMPY_SEEDS = 2**32


@contextmanager
def shift_seeds(k: int) -> Generator[None]:
    """Seed everything for repetition `k`, and shift every seed that is set inside."""
    torch.manual_seed(k * STRIDE)
    np.random.seed(k * STRIDE % _NUMPY_SEEDS)
    random.seed(k * STRIDE)

    def shift(seed: Any) -> Any:
        return seed + k * STRIDE if isinstance(seed, int | np.integer) else seed

    generator = replaced(torch, "Generator", lambda original: _generator(original, shift))
    with patched(_patches(k, shift)), generator:
        yield


def _patches(k: int, shift: "SeedShift") -> list[Patch]:
    own = _of_torch(shift)
    seeders = [(torch, "manual_seed"), (torch.random, "manual_seed")]
    seeders += [(torch.cuda, "manual_seed"), (torch.cuda, "manual_seed_all")]
    return [
        *((owner, name, own) for owner, name in seeders),
        (torch, "seed", _unseeded),
        (torch.random, "seed", _unseeded),
        (np.random, "seed", lambda original: _of_numpy(original, shift)),
        (np.random, "default_rng", lambda original: _of_rng(original, shift, k)),
        (random, "seed", lambda original: _of_random(original, shift)),
    ]


SeedShift = Callable[[Any], Any]


def _of_torch(shift: SeedShift) -> Callable[[Any], Any]:
    depth = [0]  # torch.manual_seed calls that of the device: only the outermost shifts

    def make(original: Any) -> Any:
        def manual_seed(seed: Any) -> Any:
            depth[0] += 1
            try:
                return original(shift(int(seed)) if depth[0] == 1 else seed)
            finally:
                depth[0] -= 1

        return manual_seed

    return make


def _unseeded(original: Any) -> Any:
    def seed() -> int:
        torch.manual_seed(0)
        return torch.initial_seed()

    return seed


def _of_numpy(original: Any, shift: SeedShift) -> Any:
    def seed(seed: Any = None) -> None:
        number = shift(0 if seed is None else seed)
        original(number % _NUMPY_SEEDS if isinstance(number, int) else number)

    return seed


def _of_rng(original: Any, shift: SeedShift, k: int) -> Any:
    count = [0]  # generators made without a seed differ from each other

    def default_rng(seed: Any = None) -> Any:
        if seed is None:
            count[0] += 1
            return original([count[0], k])
        return original(shift(seed))

    return default_rng


def _of_random(original: Any, shift: SeedShift) -> Any:
    def seed(a: Any = None, version: int = 2) -> None:
        original(shift(0 if a is None else a), version)

    return seed


def _generator(base: Any, shift: Callable[[Any], Any]) -> Any:
    """Extend `torch.Generator` so that it shifts its seeds."""

    def manual_seed(self: Any, seed: int) -> Any:
        base.manual_seed(self, shift(int(seed)))
        return self

    def seed(self: Any) -> int:
        base.manual_seed(self, shift(0))
        return int(self.initial_seed())

    # generators that torch makes are of the base class, and count as instances too
    def passes(kind: Any, instance: Any) -> bool:
        return isinstance(instance, base)

    meta: Any = base.__class__  # torch's own metaclass
    kind: Any = type("Kind", (meta,), {"__instancecheck__": passes})
    return kind("Generator", (base,), {"manual_seed": manual_seed, "seed": seed})
