"""Repetition k shifts every seed of a script's, and only those."""

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, RandomSampler, random_split

from relume.trial.runner.seed_shift import STRIDE, shift_seeds


def by_torch() -> object:
    torch.manual_seed(3)
    return torch.rand(3).tolist()


def by_the_device() -> object:
    torch.manual_seed(3)
    return torch.initial_seed()


def by_numpy() -> object:
    np.random.seed(2**32 - 1)
    return np.random.rand(3).tolist()


def by_rng() -> object:
    return np.random.default_rng(3).random(3).tolist()


def by_random() -> object:
    random.seed(3)
    return random.random()


def by_generator() -> object:
    own = torch.Generator().manual_seed(3)
    order = [int(x) for x in DataLoader(range(9), shuffle=True, generator=own)]
    parts = random_split(range(9), [4, 5], generator=torch.Generator("cpu").manual_seed(2))
    return torch.rand(3, generator=own).tolist(), order, list(parts[0])


def unseeded() -> object:
    torch.seed()
    random.seed()
    np.random.seed()
    fresh = np.random.default_rng().random()
    return torch.rand(2).tolist(), random.random(), np.random.rand(), fresh


SEEDED = (by_torch, by_the_device, by_numpy, by_rng, by_random, by_generator)


@pytest.mark.parametrize("way", SEEDED)
def test_repetition_0_leaves_the_scripts_seeds(way: Callable[[], object]) -> None:
    plain = way()
    with shift_seeds(0):
        assert way() == plain
    assert way() == plain


@pytest.mark.parametrize("way", [*SEEDED, unseeded])
def test_repetitions_differ_and_repeat(way: Callable[[], object]) -> None:
    seen: list[object] = []
    for k in (0, 1, 1):
        with shift_seeds(k):
            seen.append(way())
    assert seen[0] != seen[1] == seen[2]


def test_a_seed_is_shifted_once() -> None:
    with shift_seeds(2):
        torch.manual_seed(5)
        assert torch.initial_seed() == 5 + 2 * STRIDE


def test_data_stay() -> None:
    """What a library is given as data, it keeps."""
    with shift_seeds(1):
        assert np.random.RandomState(3).rand() == np.random.RandomState(3).rand()
        one, other = random.Random(3).random(), np.random.RandomState(3).rand()
    assert (one, other) == (random.Random(3).random(), np.random.RandomState(3).rand())


def test_generators_of_torchs_own_pass_for_generators() -> None:
    with shift_seeds(1):
        assert isinstance(torch.default_generator, torch.Generator)
        assert isinstance(torch.Generator(), torch.Generator)
        assert not isinstance(3, torch.Generator)
        assert len(list(RandomSampler(range(4), generator=torch.Generator()))) == 4
    assert torch.Generator is torch._C.Generator
