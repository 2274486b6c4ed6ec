"""What a figure reads off an act under a normal pre: mean, spread, and where it is flat."""

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


def bound(name: str, state: State) -> Act:
    """The act called `name` with those of its parameters that the state sets."""
    act = find(name)
    given = {key: state[key] for key in act.defaults if key in state}
    return act.bind(**given)


def get(state: State, name: str) -> float:
    """A number of the state."""
    return float(state[name])


def value_at(act: Act, z: float) -> float:
    """f(z)."""
    return at(value(act), z)


def slope_at(act: Act, z: float) -> float:
    """f'(z)."""
    return at(slope(act), z)


def mean_of(act: Act, mu: float, sigma: float) -> float:
    """E f(z), z ~ N(mu, sigma^2)."""
    found = normal_mean(value(act), act.kinks_at(), mean=mu, std=sigma)
    return 0.0 if abs(found) < 1e-13 else found  # quadrature's dust around zero


def spread_of(act: Act, mu: float, sigma: float) -> float:
    """The standard deviation of f(z), z ~ N(mu, sigma^2)."""
    line, centre = value(act), mean_of(act, mu, sigma)

    def squared(z: Tensor) -> Tensor:
        return (line(z) - centre) ** 2

    return math.sqrt(normal_mean(squared, act.kinks_at(), mean=mu, std=sigma))


def square_of(act: Act, sigma: float, *, slopes: bool = False) -> float:
    """E f(z)^2, or E f'(z)^2, z ~ N(0, sigma^2)."""
    line = slope(act) if slopes else value(act)

    def squared(z: Tensor) -> Tensor:
        return line(z) ** 2

    return normal_mean(squared, act.kinks_at(), std=sigma)


def flat_share(act: Act, mu: float, sigma: float) -> float:
    """P(abs f'(z) < 5 % of its largest), z ~ N(mu, sigma^2), by the borders of the flat stretches
    between -40 and 40; beyond, the act is taken to go on as it is there."""
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
    """The normal distribution function."""
    return 0.5 * math.erfc(-(z - mu) / (sigma * math.sqrt(2)))


def size(values: Tensor) -> float:
    """The root of the sum of squares."""
    return math.sqrt(float((values**2).sum()))


def matrix(rows: Sequence[Sequence[float]]) -> Tensor:
    """Rows of numbers as a float64 tensor."""
    return torch.tensor(rows, dtype=torch.float64)


def digits(values: Sequence[float], places: int = 4) -> list[float]:
    """Rounded, so that a page stays small and both sides start from the same numbers."""
    return [round(v, places) + 0.0 for v in values]
