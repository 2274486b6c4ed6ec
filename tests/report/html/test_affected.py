"""A layer that starves, or holds NaN, is never shown as fine."""

import numpy as np
import pytest

from relume.core import Diagnosis, Outcome, Series, Site, Trace
from relume.report.html.affected import STARVED, mark_affected
from relume.report.html.network_blocks import network_blocks

STEPS = np.arange(4)
NOTHING = Diagnosis((), (), (), Outcome("stalled", "Words."))


def trace(gradient: float, pre_rms: float = 1.0) -> Trace:
    sites, table = [], {}
    for at, size in enumerate((gradient, 1.0)):
        sites.append(Site(f"fc{at}.weight", "parameter", layer=f"fc{at}", order=2 * at))
        sites.append(Site(f"act{at}", "act", "relu", layer=f"fc{at}", order=2 * at + 1))
        table[f"fc{at}.weight", "grad_norm"] = Series(STEPS, np.full(4, size))
        table[f"fc{at}.weight", "weight_norm"] = Series(STEPS, np.full(4, 2.0))
        table[f"act{at}", "pre_rms"] = Series(STEPS, np.array([1.0, 1.0, 1.0, pre_rms]))
    return Trace({}, tuple(sites), table)


def marked(of: Trace) -> list[tuple[str, str]]:
    blocks = mark_affected(network_blocks(of, NOTHING), of, NOTHING)
    return [(block.health, block.affected) for block in blocks]


@pytest.mark.parametrize(
    ("gradient", "health"),
    [(1.0, "fine"), (1.01 * STARVED, "fine"), (0.99 * STARVED, "affected"), (0.0, "affected")],
)
def test_a_starved_layer_is_affected(gradient: float, health: str) -> None:
    (first, reason), (second, _) = marked(trace(gradient))
    assert (first, second) == (health, "fine")
    assert ("of the largest gradient arrives here" in reason) == (health == "affected")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_layer_of_nan_is_affected(value: float) -> None:
    assert marked(trace(1.0, value)) == [("affected", "its values are not finite")] * 2
