"""siren-init: weights of sine layers drawn anew, for their frequency.

## What it does
Draws the layers before hidden sines anew with the variance of SIREN's initialisation, 2 / fan_in /
omega^2, biases zero. The first layer keeps its weights: its frequencies are those of the data.

## When it helps
Where the phase of a sine spreads over more than half a turn at the start (ACT304): neighbours come
out as noise, and what is learned of one row says nothing of the next (`benchmarks/phases.py`).

## How it is applied
Before the first forward that trains, in place, from a random source of its own. The frequency is
the one that was recorded of the act, so it works for `sin(30 * layer(x))` as for a module.

## What it changes (safety)
RETRAIN: training starts from other weights. On a trained network it destroys what was learned.

## References
Sitzmann et al., "Implicit neural representations with periodic activation functions", NeurIPS 2020,
arXiv:2006.09661.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from torch import nn

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.shared.redraw_layers import init_patch, layers_for_patch, redraw
from relume.fixes.shared.site_queries import script
from relume.fixes.shared.weight_draws import fans

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT304": 1.0}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose all layers whose phase wraps at the finding's frequency."""
    omega = finding.evidence.more.get("omega")
    alike = [f for f in diagnosis.findings if f.code == finding.code]
    sites = tuple(f.layer for f in alike if f.evidence.more.get("omega") == omega and f.layer)
    if not isinstance(omega, float) or omega <= 0 or not sites:
        return
    text = f"weights of {', '.join(sites)} drawn anew for a frequency of {omega:g}"
    known = layers_for_patch(trace, sites)
    yield PAGE.edit(text, sites=sites, at=script(trace), omega=omega, **known)


def apply(edit: Edit, session: "EditSession") -> None:
    """Draw the layers before the first forward that trains."""
    omega = float(option(edit, "omega", 30.0))

    def std(layer: nn.Module, _gain: float) -> float:
        return (2.0 / fans(layer)[0]) ** 0.5 / omega

    redraw(edit, session, std)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Insert a block before the optimiser is made."""
    omega = float(option(edit, "omega", 30.0))
    return init_patch(edit, source, lambda _act: f"(2 / fan_in) ** 0.5 / {omega:.5g}")


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
