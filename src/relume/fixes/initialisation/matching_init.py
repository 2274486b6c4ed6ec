"""matching-init: weights drawn anew, at the gain of the act behind each layer.

## What it does
Draws every affine layer anew from N(0, gain^2 / fan_in), biases zero. The gain is 1 / sqrt(E
f(z)^2) under a standard normal z, computed from the act itself: sqrt 2 for ReLU (which is He's),
1.59 for tanh, 1 for SELU; 1 for heads and projections, behind which no act stands.

## When it helps
Where the signal shrinks or grows from layer to layer, where weights of a wrong scale saturate or
silence the units, where units begin alike, and where weights began as NaN and an act hides it.
Measured on digits, docs/fixes.md: weights of N(0, 1) under tanh or ReLU, or of standard deviation
0.001. It cannot help an act whose slopes are too small by themselves: a deep sigmoid network.

## How it is applied
Before the first forward that trains, in place, from a random source of its own, so that the run's
random states do not move. One forward that leaves no trace shows which act stands behind which
layer. Layers that a norm layer follows, that share their weight, are frozen or parametrised, keep
their weights, and relume says so.

## What it changes (safety)
RETRAIN: training starts from other weights. On a pretrained model it destroys what was learned.

## References
He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, arXiv:1502.01852. Glorot and
Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Fact, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import page
from relume.fixes.shared.redraw_layers import gain_of, init_patch, layers_for_patch, redraw
from relume.fixes.shared.site_queries import layers_alike, script
from relume.fixes.shared.weight_draws import by_gain

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {
    "ACT301": 1,
    "ACT302": 1,
    "ACT602": 1,
    "ACT604": 1,
    "ACT601": 1,
    "ACT102": 2,
    "ACT501": 2,
    "ACT502": 2,
    "ACT801": 2,
    "ACT803": 1,
    "ACT303": 3.5,
}
ALIKE, SWALLOWED, NON_FINITE = "ACT302", "ACT803", "ACT604"
WHERE_FOUND = ("ACT302", "ACT502")  # units alike, gates: the fault is in one layer
TEXT = "weights drawn anew at the gain of each act"


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose every layer: a wrong scale in one reaches all that follow. Where an act hides NaN,
    propose the layers whose own weights are not finite."""
    if finding.code == SWALLOWED:
        sites = _broken(diagnosis)
        if sites:
            text = f"{TEXT} in {', '.join(sites)}, where some are not finite"
            yield PAGE.edit(text, sites=sites, at=script(trace), **layers_for_patch(trace, sites))
        return
    sites = layers_alike(finding, diagnosis) if finding.code in WHERE_FOUND else ()
    if finding.code == ALIKE:
        sites = _alike_or_zero(diagnosis, trace)
    text = f"{TEXT}{' in ' + ', '.join(sites) if sites else ''}"
    yield PAGE.edit(text, sites=sites, at=script(trace), **layers_for_patch(trace, sites))


def _alike_or_zero(diagnosis: Diagnosis, trace: Trace) -> tuple[str, ...]:
    """Return the layers whose units begin alike, and those that began at zero where that is the
    fault: a layer between two of them gets no gradient until the last one is drawn."""
    findings = [f for f in diagnosis.findings if f.code == ALIKE and not f.cleared]
    names = [f.layer or f.site.rpartition(".")[0] for f in findings]
    if any(f.evidence.stat == "zero_weights" for f in findings):
        facts = trace.facts_of("parameter")
        zero = [f.site for f in facts if f.data.get("zero_init") and _is_matrix(f)]
        names += [site.rpartition(".")[0] for site in zero]
    return tuple(dict.fromkeys(name for name in names if name))


def _broken(diagnosis: Diagnosis) -> tuple[str, ...]:
    """Return layers that feed an act which hides NaN and whose own parameters were NaN first."""
    fed = {f.layer for f in diagnosis.findings if f.code == SWALLOWED and f.layer}
    first = {f.site.rpartition(".")[0] for f in diagnosis.findings if f.code == NON_FINITE}
    return tuple(sorted(fed & first))


def _is_matrix(fact: Fact) -> bool:
    return len(fact.data.get("shape") or ()) > 1 and bool(fact.data.get("trainable", True))


def apply(edit: Edit, session: "EditSession") -> None:
    """Draw the layers before the first forward that trains."""
    redraw(edit, session, by_gain)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Insert a block before the optimiser is made."""
    return init_patch(edit, source, lambda act: f"{gain_of(act):.5g} / fan_in**0.5")


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
