"""Tests on paired runs: effect and interval, exact tests, Holm's correction, power.

Pure functions of numbers; `verdict.py` says what they mean.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import special, stats

LEVEL = 0.05
POWER = 0.8  # chance with which `seeds_needed` and `visible` would find an effect (Cohen 1988)
MOST_SEEDS = 200  # nobody runs more; the reported number ends here
DRAWS = 4000  # simulated trials behind a power: it is known to 1.3 points (two standard errors)
FLIPPED = 20  # differences whose signs are flipped in every way: a million ways
FEWEST = 3  # pairs: with two the interval is 12.7 standard errors wide
FIRST = 0.64  # of `LEVEL`: what five of five pairs need, 3.125 %


def t_interval(differences: Sequence[float]) -> tuple[float, float, float, float]:
    """Return the mean, its 95 % interval, and the two-sided p of the paired t-test."""
    d = np.asarray(differences, dtype=float)
    n = len(d)
    mean = float(d.mean()) if n else 0.0
    if n < 2:
        return mean, -math.inf, math.inf, 1.0
    spread = float(d.std(ddof=1))
    if spread == 0.0:
        return mean, mean, mean, 1.0 if mean == 0 else 0.0
    error = spread / math.sqrt(n)
    half = float(special.stdtrit(n - 1, 1 - LEVEL / 2)) * error
    return mean, mean - half, mean + half, float(2 * special.stdtr(n - 1, -abs(mean) / error))


def spread_of(differences: Sequence[float]) -> float:
    """Return the standard deviation of the differences; 0 for one."""
    return float(np.std(differences, ddof=1)) if len(differences) > 1 else 0.0


def flips(differences: Sequence[float]) -> float:
    """Return the share of all sign flips of the differences with a mean at least as far from zero:
    the p-value of "no difference" without an assumption on their distribution (Fisher 1935).

    Only the first `FLIPPED` differences count.

    >>> flips([1.0, 2.0, 3.0]), flips([1.0, -1.0])
    (0.25, 1.0)
    """
    d = np.asarray(differences[:FLIPPED], dtype=float)  # (pairs,)
    sums = np.zeros(1)
    for one in d:
        sums = np.concatenate((sums + one, sums - one))  # (2^pairs,) at the end
    return float((np.abs(sums) >= abs(d.sum()) * (1 - 1e-9)).mean())


def fisher(arm_broken: int, base_broken: int, runs: int) -> float:
    """Return the two-sided p of Fisher's exact test that both arms break down equally often.

    It takes the runs as independent; runs of one seed that fail together make it say less.

    >>> round(fisher(0, 5, 5), 4), round(fisher(0, 3, 5), 4)
    (0.0079, 0.1667)
    """
    table: Any = [[arm_broken, runs - arm_broken], [base_broken, runs - base_broken]]
    found: Any = stats.fisher_exact(table)
    return float(found.pvalue)


def sign_share(wins: int, losses: int) -> float:
    """Return the one-sided p of the sign test: at least so many wins by a fair coin.

    >>> sign_share(5, 0), sign_share(4, 1)
    (0.03125, 0.1875)
    """
    n = wins + losses
    return float(stats.binom.sf(wins - 1, n, 0.5)) if n else 1.0


def sign_needed(level: float = LEVEL) -> int:
    """Return the fewest pairs with which the sign test can prove anything at this level: all won.

    >>> sign_needed(), sign_needed(0.05 / 2), sign_needed(0.05 / 6)
    (5, 6, 7)
    """
    return math.ceil(-math.log2(level) - 1e-9)


def confirmation_share(number: int) -> float:
    """Return the share of `LEVEL` that the first, second, ... winner on fresh seeds may spend.

    All shares together are 1, so that several confirmations err in at most 5 % in all. The first
    gets what five of five pairs need (3.125 %), each later one half of what is left.

    >>> [LEVEL * confirmation_share(k) for k in (1, 2, 3)]
    [0.032, 0.009, 0.0045]
    """
    return FIRST if number <= 1 else (1 - FIRST) * 0.5 ** (number - 1)


def fresh_pairs(seeds: int, number: int) -> int:
    """Return the fresh pairs of the first, second, ... winner: as asked, and as many as can prove.

    >>> fresh_pairs(3, 1), fresh_pairs(3, 2), fresh_pairs(10, 1)
    (5, 7, 10)
    """
    return max(seeds, sign_needed(LEVEL * confirmation_share(number)))


def holm(ps: Sequence[float], tests: int | None = None) -> list[float]:
    """Correct p-values for several tests (Holm 1979).

    Args:
        ps: one for each candidate.
        tests: the number of tests, earlier ones included; at least `len(ps)`.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    count = max(len(ps), tests or 0)
    corrected, running = [0.0] * len(ps), 0.0
    for rank, at in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        running = max(running, min(1.0, (count - rank) * ps[at]))
        corrected[at] = running
    return corrected


def power(n: int, size: float, level: float = LEVEL, signs: float = LEVEL) -> float:
    """Return the chance that `n` pairs show a gain whose mean is `size` standard deviations of the
    differences: by the t-test at `level`, and by the sign test at `signs`.

    >>> round(power(5, 2.0), 1), round(power(5, 1.0), 1), round(power(10, 1.0), 1)
    (0.9, 0.3, 0.5)
    """
    return bisect_left(_shown_from(n, level, signs), size) / DRAWS


@lru_cache(512)
def _shown_from(n: int, level: float, signs: float) -> Any:
    """Return, ascending, the size from which on a drawn trial shows a gain: `DRAWS` trials of `n`
    normal differences (always the same ones), each raised until both tests are passed."""
    if n < 2:
        return np.full(DRAWS, math.inf)
    noise = np.random.default_rng(n).standard_normal((DRAWS, n))  # (trials, pairs)
    edge = float(special.stdtrit(n - 1, 1 - level / 2)) / math.sqrt(n)
    by_t = edge * noise.std(1, ddof=1) - noise.mean(1)
    needed = next((k for k in range(n + 1) if sign_share(k, n - k) <= signs), None)
    if needed is None:
        return np.full(DRAWS, math.inf)
    by_signs = -np.sort(noise, 1)[:, n - needed]  # so far up, and `needed` of them are above zero
    return np.sort(np.maximum(by_t, by_signs))


def seeds_needed(mean: float, spread: float, level: float = LEVEL, signs: float = LEVEL) -> int:
    """Return the number of pairs that finds a gain of `mean` with a chance of `POWER`."""
    if mean == 0 or spread == 0:
        return MOST_SEEDS if mean == 0 else FEWEST
    size = abs(mean) / spread
    counts = range(FEWEST, MOST_SEEDS)  # power grows with the pairs, but for the sign test's steps
    return FEWEST + bisect_left(counts, POWER, key=lambda n: power(n, size, level, signs))


def broken_needed(arm_share: float, base_share: float, level: float = LEVEL) -> int:
    """Return the number of pairs at which Fisher's test would tell these shares of broken runs
    apart."""
    for n in range(FEWEST, MOST_SEEDS):
        if fisher(round(arm_share * n), round(base_share * n), n) < level:
            return n
    return MOST_SEEDS


def visible(n: int, spread: float, level: float = LEVEL, signs: float = LEVEL) -> float | None:
    """Return the smallest gain that `n` pairs with this spread would have shown with a chance of
    `POWER`; None where so few pairs show nothing.

    >>> round(visible(5, 1.0), 1), visible(4, 1.0), round(visible(8, 1.0, 0.05 / 6, 0.05 / 6), 1)
    (1.8, None, 1.9)
    """
    size = float(_shown_from(n, level, signs)[math.ceil(POWER * DRAWS) - 1])
    return size * spread if math.isfinite(size) else None
