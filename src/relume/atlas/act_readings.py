"""Reads numbers off an act under a normal pre: mean, spread, and where it is flat."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from relume.acts.act import Act
from relume.acts.gain import normal_mean
from relume.acts.lookup import act as find
from relume.atlas.figure import State
from relume.cards.flatness import FLAT
from relume.cards.line_search import at, border, middle, runs, slope, value


def bind_act(name: str, state: State) -> Act:
    """Return the act called `name` with those of its parameters that the state sets."""
    act = find(name)
    parameters = {key: state[key] for key in act.defaults if key in state}
    return act.bind(**parameters)


def get(state: State, name: str) -> float:
    """Return a number of the state."""
    return float(state[name])


def value_at(act: Act, z: float) -> float:
    """Return f(z)."""
    return at(value(act), z)


def slope_at(act: Act, z: float) -> float:
    """Return f'(z)."""
    return at(slope(act), z)


def mean_of(act: Act, mu: float, sigma: float) -> float:
    """Return E f(z), z ~ N(mu, sigma^2)."""
    mean = normal_mean(value(act), act.kinks_at(), mean=mu, std=sigma)
    return 0.0 if abs(mean) < 1e-13 else mean  # quadrature's rounding around zero


def spread_of(act: Act, mu: float, sigma: float) -> float:
    """Return the standard deviation of f(z), z ~ N(mu, sigma^2)."""
    line, centre = value(act), mean_of(act, mu, sigma)

    def squared(z: Tensor) -> Tensor:
        return (line(z) - centre) ** 2

    return math.sqrt(normal_mean(squared, act.kinks_at(), mean=mu, std=sigma))


def square_of(act: Act, sigma: float, *, slopes: bool = False) -> float:
    """Return E f(z)^2, or E f'(z)^2, z ~ N(0, sigma^2)."""
    line = slope(act) if slopes else value(act)

    def squared(z: Tensor) -> Tensor:
        return line(z) ** 2

    return normal_mean(squared, act.kinks_at(), std=sigma)


def flat_share(act: Act, mu: float, sigma: float) -> float:
    """Return P(abs f'(z) < 5 % of its largest), z ~ N(mu, sigma^2), by the borders of the flat
    stretches between -40 and 40; a stretch at an end is taken to go on beyond it."""
    line, limit = slope(act), FLAT * act.max_slope

    def flat(z: Tensor) -> Tensor:
        return line(z).abs() < limit

    z = middle()
    total = 0.0
    for a, b in runs(flat(z)):
        low, high = -math.inf, math.inf
        if a > 0:
            low = border(flat, float(z[a]), float(z[a - 1]))
        if b < len(z) - 1:
            high = border(flat, float(z[b]), float(z[b + 1]))
        total += normal(high, mu, sigma) - normal(low, mu, sigma)
    return total


def normal(z: float, mu: float, sigma: float) -> float:
    """Return the normal distribution function."""
    return 0.5 * math.erfc(-(z - mu) / (sigma * math.sqrt(2)))


def size(values: Tensor) -> float:
    """Return the root of the sum of squares."""
    return math.sqrt(float((values**2).sum()))


def matrix(rows: Sequence[Sequence[float]]) -> Tensor:
    """Return rows of numbers as a float64 tensor."""
    return torch.tensor(rows, dtype=torch.float64)


def digits(values: Sequence[float], places: int = 4) -> list[float]:
    """Round numbers, so that a page stays small and both sides start from the same ones."""
    return [round(v, places) + 0.0 for v in values]
