"""ACT908 update-lost: weights have a gradient, and what the optimiser makes of it changes nothing.

## What it does
Finds weights whose entries stay the same bit by bit although they have a gradient, and optimisers
whose eps is so far above the gradient that a step is a small part of the rate. Says why: the eps,
the rounding of the weights' type, or the rate.

    model = model.to(torch.bfloat16)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)

"99 % of the entries of 2 weights (0.weight, 2.weight) that had a gradient were the same bit by bit
after the step. The type bfloat16 rounds the change away at a rate of 2e-05". Instead:

    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)  # of a float32 model
    with torch.autocast("cuda", torch.bfloat16): ...

## Why it hurts
A number in bfloat16 keeps 8 bits: a change below 1/256 of a weight is lost, step after step. Adam
divides by the root of the mean squared gradient plus eps: where eps is r times that root, a step is
1 / (1 + r) of what the rate says. The loss falls slowly or not at all, as if the rate were too low.

## How it is measured
Exact: up to 1,024 entries of each weight before and after a step, on steps 3 to 8 and every 15th
later one, where the rate is not 0. Named from half of the entries with a gradient on (reasoned:
more is lost than is learned), over at least 3 steps. The eps: over the median root of the mean
squared gradient, named from 10 on (a step is then less than a tenth of the rate, by the formula),
for the median weight. An error in a run that fares badly, a note where the loss is low (a fitted
network has small gradients), else a warning.

## Known false alarms
Entries without a gradient (unused rows of an embedding) are not counted. An eps of 0.1 or 1 that
goes with a large rate, as some image networks are trained: these learn, and it is a note.

## Fixes and their safety
An eps of 1e-8, or the rate raised by the ratio (retrain). Weights in float32 under autocast, an
optimiser that keeps float32 copies, or stochastic rounding (retrain).

## References
Micikevicius et al., "Mixed precision training", ICLR 2018, arXiv:1710.03740 (a float32 copy of the
weights). Kingma and Ba, "Adam", ICLR 2015, arXiv:1412.6980 (algorithm 1).
"""

from collections.abc import Iterator, Sequence
from statistics import median

from relume.core import Evidence, Fact, Finding, Result, Site, Trace
from relume.rules.page import page
from relume.rules.series_tools import last_step, number
from relume.rules.wiring_facts import by_outcome

PAGE = page(__doc__)

LOST = 0.5  # of the entries with a gradient (see the page)
RATIO = 10.0  # eps over the root of the mean squared gradient (see the page)
LEAST_STEPS = 3
LEAST_ENTRIES = 64  # with a gradient, over all steps
HALF = ("bfloat16", "float16")


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding, for all weights."""
    every = [
        fact
        for fact in trace.facts_of("update")
        if (number(fact.data.get("steps")) or 0) >= LEAST_STEPS
        and (number(fact.data.get("tried")) or 0) >= LEAST_ENTRIES
    ]
    if not every:
        yield PAGE.missing(f"fewer than {LEAST_STEPS} steps of an optimiser were compared")
        return
    ratio = median(float(fact.data["eps_ratio"]) for fact in every)
    lost = [fact for fact in every if _share(fact) >= LOST]
    if ratio >= RATIO:
        yield _eps(trace, every, ratio)
    elif lost:
        yield _lost(trace, lost)
    else:
        share = max(map(_share, every))
        near = max(share / LOST, ratio / RATIO)
        yield PAGE.clean(f"at most {share:.0%} of a weight's updates are lost", near)


def _share(fact: Fact) -> float:
    return float(fact.data["lost"]) / float(fact.data["tried"])


def _eps(trace: Trace, every: Sequence[Fact], ratio: float) -> Finding:
    data = every[0].data
    more = {"eps": data["eps"], "optimizer": data["optimizer"], "weights": len(every)}
    return PAGE.finding(
        "",
        by_outcome(trace),
        (0, last_step(trace)),
        "the eps of {optimizer} ({eps:g}) is {value:.3g} times the root of the mean squared "
        "gradient of {weights} weights: it divides the steps by as much",
        Evidence("eps_over_gradient", ratio, RATIO, len(every), more),
        cure="use an eps of 1e-8",
    )


def _lost(trace: Trace, lost: Sequence[Fact]) -> Finding:
    first = lost[0]
    names = [fact.site for fact in lost[:3]]
    rest = f", and {len(lost) - len(names)} more" if len(lost) > len(names) else ""
    dtype, rate = str(first.data["dtype"]), number(first.data.get("lr")) or 0.0
    more = {"weights": len(lost), "names": ", ".join(names) + rest, "dtype": dtype, "rate": rate}
    text = (
        "steps leave {weights} weights ({names}) as they were: {value:.0%} of the entries do not "
    )
    text += "change. The type {dtype} rounds the change away at a rate of {rate:g}"
    return PAGE.finding(
        trace.site(first.site) or Site(first.site, "parameter"),
        by_outcome(trace),
        (0, last_step(trace)),
        text,
        Evidence(
            "lost_update_share",
            sum(map(_share, lost)) / len(lost),
            LOST,
            int(sum(float(fact.data["tried"]) for fact in lost)),
            more,
        ),
        cure="keep the weights in float32 and use autocast"
        if dtype in HALF
        else "raise the learning rate",
    )


RULE = PAGE.rule(
    check,
    severities=("note", "warning", "error"),
    needs=("training",),
    symptom=False,
    explains=("ACT603", "ACT606"),
)
