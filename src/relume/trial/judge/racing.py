"""Stops candidates that are hopeless, by a bound that holds at any time.

A candidate that truly wins four pairs in five or more is hopeful. Against it stands one that wins
one pair in twenty. The likelihood ratio of the two, multiplied up pair by pair, is an e-process:
whatever the number of pairs and however often one looks, it exceeds `1 / LEVEL` for a hopeful
candidate with a chance of at most `LEVEL` (Ville 1939; Howard et al. 2021, arXiv:1810.08240). Two
lost pairs at the start are enough to stop it, one win first and then four.

Stopping only chooses. What is proven is judged on fresh seeds.
"""

from collections.abc import Sequence

from relume.trial.judge.paired_tests import LEVEL

HOPEFUL, HOPELESS = 0.8, 0.05  # chances of winning a pair


def hopeless(wins: int, losses: int) -> bool:
    """Whether a candidate with these pairs wins fewer than four in five, at any time of looking.

    >>> hopeless(0, 2), hopeless(0, 1), hopeless(1, 3), hopeless(1, 4)
    (True, False, False, True)
    """
    return ratio(wins, losses) >= 1 / LEVEL


def ratio(wins: int, losses: int) -> float:
    """Return the likelihood of a hopeless candidate over that of a hopeful one."""
    return (HOPELESS / HOPEFUL) ** wins * ((1 - HOPELESS) / (1 - HOPEFUL)) ** losses


def decided(wins: Sequence[bool]) -> bool:
    """Whether the pairs so far are enough to go on to fresh seeds: all of them, two at least, won
    by the least effect worth a change or more."""
    return len(wins) >= 2 and all(wins)
