"""ACT105 no-second-derivative: the program asks for a second derivative that is zero everywhere.

## What it does
Finds calls of `torch.autograd.grad` on a first derivative whose answer is zero in every entry, or
missing: the act between is made of straight pieces.

## Why it hurts
ReLU, leaky ReLU and their kin bend only at a point; their second derivative is zero everywhere
else. A term of the loss that contains one (the residual of a differential equation of second
order, a Hessian penalty) is then a constant, which teaches the weights nothing, and the program
runs on without an error.

## How it is measured
On recorded steps the result of each such call with `create_graph=True` is looked at: all of its
entries are exactly zero (or it is None), and what is differentiated was itself made by a backward
pass. Threshold: no entry but zero, by definition. Least evidence: one call.

## Known false alarms
A field that is linear by design. Gradient penalties on ReLU critics need the first derivative only,
and are not asked for here.

## Fixes and their safety
A smooth act with its weights: tanh, GELU, SiLU, softplus or sine (retrain).

## References
Raissi, Perdikaris and Karniadakis, "Physics-informed neural networks", 2019. Sitzmann et al.,
"Implicit neural representations with periodic activation functions", NeurIPS 2020,
arXiv:2006.09661.
"""

from collections.abc import Iterator

from relume.core import Evidence, Result, Severity, Site, Trace
from relume.rules.page import page
from relume.rules.series_tools import is_recorded, last_step

PAGE = page(__doc__)


def check(trace: Trace) -> Iterator[Result]:
    """One finding for each place that asks."""
    if not is_recorded(trace, "no-curvature"):
        yield PAGE.missing("the recorder did not look for second derivatives")
        return
    facts = trace.facts_of("no-curvature")
    if not facts:
        yield PAGE.clean("no second derivative was asked for that is zero everywhere")
    for fact in facts:
        acts = ", ".join(str(act) for act in fact.data.get("acts") or ()) or "no act"
        line = int(fact.data.get("line") or 0)
        yield PAGE.finding(
            Site(fact.site, "", file=str(fact.data.get("file") or ""), line=line),
            Severity.ERROR,
            (fact.step, last_step(trace)),
            "a second derivative is asked for here, and that of {acts} is zero everywhere (all "
            "{samples} entries). So this term teaches the weights nothing",
            Evidence("nonzero_share", 0.0, 0.0, int(fact.data.get("entries") or 1), {"acts": acts}),
            cure="use a smooth act there: tanh, GELU, softplus, sine",
        )


RULE = PAGE.rule(
    check,
    severities=("error",),
    symptom=False,
    explains=("ACT303", "ACT401", "ACT403", "ACT601", "ACT603", "ACT606", "ACT607"),
)
