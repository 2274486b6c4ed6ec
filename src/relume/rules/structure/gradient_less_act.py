"""ACT104 gradient-less-act: an operation without a slope stands between weights and the loss.

## What it does
Finds `sign`, `round`, a comparison, `argmax`, `one_hot` or a conversion to whole numbers on the
way of the error, with weights before it that get no gradient while later ones learn. It names the
operation and the line that calls it.

    spikes = (membrane > 1.0).float()
    out = readout(spikes)

"gt (snn.py:31) has no slope, and the error stops there: no gradient reaches 2 of the weights
before it (inp.weight, ...), while 2 others learn". Instead, a straight-through estimator:

    soft = torch.sigmoid(4 * (membrane - 1.0))
    spikes = soft + ((membrane > 1.0).float() - soft).detach()

## Why it hurts
The derivative of a step is zero almost everywhere. What comes before it stays as it was drawn,
and the layers behind it learn from random features: the loss falls, and stops too high.

## How it is measured
Exact. `sign`, `round`, `floor` and their like are operations of the graph: weights that every
path from the loss reaches through one of them. A comparison or an `argmax` leaves nothing in the
graph: where modules run and their weights are in no graph on two looks, one step is followed call
by call until a result that has lost its gradient enters the loss. Named where the wiring audit
has seen the optimiser step with such a weight at least twice, no gradient of it but zero or None,
and another weight that gets one. An error where at most one weight is left that trains, else a
warning.

## Known false alarms
None known. A straight-through or surrogate gradient reaches the weights, so it is not named;
neither are frozen weights, nor those that no optimiser holds (a teacher whose labels are taken),
nor `topk` where its values carry the gradient. `detach` and `no_grad` are the matter of
parameter-without-gradient.

## Fixes and their safety
All retrain: pass the gradient straight through, within a clip of 1 (`x + (sign(x) - x).detach()`
behind a hardtanh); a surrogate slope of the act's own (a sigmoid or a fast sigmoid for spikes);
`gumbel_softmax(hard=True)` for a choice, or the softmax itself.

## References
Bengio, Léonard and Courville, "Estimating or propagating gradients through stochastic neurons for
conditional computation", 2013, arXiv:1308.3432. Courbariaux et al., "Binarized neural networks",
2016, arXiv:1602.02830 (the clip). Neftci, Mostafa and Zenke, "Surrogate gradient learning in
spiking neural networks", 2019, arXiv:1901.09948. Jang, Gu and Poole, "Categorical
reparameterization with Gumbel-softmax", ICLR 2017, arXiv:1611.01144.
"""

from collections.abc import Iterator

from relume.core import Evidence, Fact, Finding, Result, Site, Trace
from relume.rules.page import page
from relume.rules.series_tools import is_recorded, last_step, number
from relume.rules.wiring_facts import DOWNSTREAM, Wire, by_reach, named, wires

PAGE = page(__doc__)

LEAST = 2  # steps of the optimiser that were looked at
CHOICES = ("argmax", "argmin", "one_hot", "topk", "max", "min", "sort", "multinomial")


def check(trace: Trace) -> Iterator[Result]:
    """One finding for each operation with weights before it that get no gradient."""
    if not is_recorded(trace, "cut"):
        yield PAGE.missing("operations without a slope were not looked for", "record again")
        return
    every = [wire for wire in wires(trace) if wire.has("held")]
    if not any(wire.count("reached") for wire in every):
        yield PAGE.missing("no weight was seen to get a gradient")
        return
    found: dict[str, Finding] = {}
    for fact in trace.facts_of("cut"):
        if fact.data.get("plain"):
            continue  # left behind on purpose: the matter of parameter-without-gradient
        names: set[str] = set(fact.data.get("leaves") or ())
        lost = [w for w in every if w.site in names and _is_lost(w)]
        if lost:
            finding = _finding(trace, fact, lost, every)
            found.setdefault(finding.key, finding)
    yield from found.values()
    if not found:
        yield PAGE.clean("no operation without a slope keeps the error from a weight")


def _is_lost(wire: Wire) -> bool:
    return not wire.count("reached") and wire.count("audits") >= LEAST


def _finding(trace: Trace, fact: Fact, lost: list[Wire], every: list[Wire]) -> Finding:
    operation = str(fact.data.get("operation") or "an operation")
    file, line = str(fact.data.get("file") or ""), int(number(fact.data.get("line")) or 0)
    learns = [wire for wire in every if wire.count("reached")]
    text = (
        "{operation} has no slope, and the error stops there: no gradient reaches {value:.0f} of "
    )
    text += "the weights before it ({names}), while {learns} others learn"
    first = next((wire for wire in lost if wire.is_weight), lost[0])
    site = Site(first.site, "parameter", layer=first.site.rpartition(".")[0], file=file, line=line)
    return PAGE.finding(
        site,
        by_reach(learns),
        (min(wire.since for wire in lost), last_step(trace)),
        text,
        Evidence(
            "weights_before_zero_slope",
            len(lost),
            0,
            min(wire.count("audits") for wire in lost),
            {"operation": operation, "names": named(lost), "learns": len(learns)},
        ),
        cure=_cure(operation),
    )


def _cure(operation: str) -> str:
    if operation in CHOICES:
        return "use gumbel_softmax(hard=True) for the choice, or the softmax itself"
    return (
        f"pass the gradient straight through: x + ({operation}(x) - x).detach(), x within -1 to 1"
    )


RULE = PAGE.rule(
    check,
    severities=("warning", "error"),
    needs=("training",),
    symptom=False,
    explains=("ACT405", "ACT904", *DOWNSTREAM),
)
