"""ACT208 softmax-twice: probabilities go through a softmax again on the way to a loss term.

## What it does
Finds a softmax, a log-softmax or a log-sum-exp whose input is the output of a softmax over the
same axis, in any term of the loss: a router's balancing loss, an auxiliary head, a distillation,
a distribution that is given probabilities as its logits.

    probs = router(x).softmax(-1)
    balance = (share * F.softmax(probs, dim=-1).mean(0)).sum()

"the output of router goes through softmax twice (moe.py:31): its 8 probabilities are squeezed
between 0.05 and 0.28". Instead:

    balance = (share * probs.mean(0)).sum()

## Why it hurts
Numbers between 0 and 1 make a softmax that is nearly flat: of K classes none gets more than
e / (e + K - 1), however sure the first softmax was. The term balances, teaches or rewards next to
nothing, and the loss as a whole still falls.

## How it is measured
Exact: the graph of one backward. Between the two only reshapes and a dropout may stand; a
logarithm makes scores of probabilities again, and a temperature sharpens them on purpose, so both
end the search. Least evidence: one batch. A warning: the other terms still learn.

## Known false alarms
The cross-entropy that is the run's criterion is judged by softmax-before-cross-entropy. A second
softmax that is meant to smooth probabilities.

## Fixes and their safety
Give the second one the logits, or leave it out (retrain).

## References
Fedus, Zoph and Shazeer, "Switch transformers", 2021, arXiv:2101.03961: the balancing loss takes
the router's probabilities. PyTorch documentation, `torch.distributions.Categorical` (`probs`
against `logits`).
"""

import math
from collections.abc import Iterator

from relume.core import Evidence, Fact, Finding, Result, Severity, Site, Trace
from relume.rules.head_facts import judged_heads
from relume.rules.page import page
from relume.rules.series_tools import is_recorded, last_step, number

PAGE = page(__doc__)


def check(trace: Trace) -> Iterator[Result]:
    """One finding for each layer whose probabilities are softmaxed again."""
    if not is_recorded(trace, "softmax-chain"):
        yield PAGE.missing("softmaxes in a row were not looked for", "record again")
        return
    heads = judged_heads(trace, "cross_entropy")
    told = {head.site.name for head in heads if head.last_act.rows == "probabilities"}
    chains = [fact for fact in trace.facts_of("softmax-chain") if fact.site not in told]
    for fact in chains:
        yield _finding(trace, fact)
    if not chains:
        yield PAGE.clean("no softmax takes the output of another one")


def _finding(trace: Trace, fact: Fact) -> Finding:
    classes = int(number(fact.data.get("classes")) or 0)
    most = math.e / (math.e + classes - 1) if classes else 1.0
    text = "the output of {site} goes through a softmax twice on its way to the loss. Of its "
    text += "{classes} probabilities none can be more than {value:.2f} after the second"
    known = trace.site(fact.site)
    site = Site(
        fact.site,
        "" if known is None else known.kind,
        layer=fact.site,
        file=str(fact.data.get("file") or ""),
        line=int(number(fact.data.get("line")) or 0),
    )
    return PAGE.finding(
        site,
        Severity.WARNING,
        (fact.step, last_step(trace)),
        text,
        Evidence("largest_probability", most, 1.0, samples=1, more={"classes": classes}),
        cure="give the second softmax the logits, or leave it out",
    )


RULE = PAGE.rule(
    check,
    severities=("warning",),
    needs=("training",),
    symptom=False,
    explains=("ACT502", "ACT601", "ACT603", "ACT606"),
)
