"""ACT914 sees-its-targets: attention looks at the tokens that the model is asked for.

## What it does
Finds a model of sequences whose targets are its own tokens, one place on, and whose attention has
no mask over what comes later: the answer to each question is among what it may look at.

    h = encoder(embed(tokens[:, :-1]))  # no mask
    loss = F.cross_entropy(head(h).flatten(0, 1), tokens[:, 1:].flatten())

"the targets are the next of the 16 tokens that enter, and none of 2 attentions hides later places".
Instead:

    mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1] - 1)
    h = encoder(embed(tokens[:, :-1]), mask=mask, is_causal=True)

## Why it hurts
The model learns to copy the token one place on. The loss falls to almost nothing, on new sequences
too, and what is written one token after the other is noise: then there is no later token to copy.

## How it is measured
Exact, from the graph of one backward: the numbers that enter an embedding are the targets, moved by
one place, on all sequences of the batch, and of every attention over as many tokens some weight
above the diagonal is not hidden. Named where it was so on at least 2 steps that were looked at.

## Known false alarms
An encoder beside a decoder that hides what comes later is not judged; models of hidden words have
other targets. A model that is meant to copy.

## Fixes and their safety
Advice only: a causal mask, or `is_causal=True` (retrain).

## References
Vaswani et al., "Attention is all you need", 2017, arXiv:1706.03762, section 3.1: masked attention.
"""

from collections.abc import Iterator

from relume.core import Evidence, Result, Severity, Site, Trace
from relume.rules.page import page
from relume.rules.series_tools import is_recorded, last_step, number
from relume.rules.wiring_facts import least

PAGE = page(__doc__)

LEAST = 2  # steps that were looked at


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding."""
    if not is_recorded(trace, "looks-ahead"):
        yield PAGE.missing("masks of attention were not looked at", "record again")
        return
    facts = trace.facts_of("looks-ahead")
    fact = max(facts, key=lambda one: number(one.data.get("looks")) or 0, default=None)
    looks = 0 if fact is None else int(number(fact.data.get("looks")) or 0)
    if fact is None or looks < least(trace, LEAST):
        yield PAGE.clean("no attention sees the tokens that are asked for")
        return
    known = trace.site(fact.site)
    yield PAGE.finding(
        Site(
            fact.site,
            "" if known is None else known.kind,
            layer=fact.site,
            file=str(fact.data.get("file") or ""),
            line=int(number(fact.data.get("line")) or 0),
        ),
        Severity.ERROR,
        (fact.step, last_step(trace)),
        "the targets are the next of the {tokens} tokens that enter, and none of {value:.0f} "
        "attentions hides later places: the model copies its targets",
        Evidence(
            "attentions_without_mask",
            number(fact.data.get("layers")) or 1,
            0,
            looks,
            {"tokens": int(number(fact.data.get("tokens")) or 0)},
        ),
        cure="give the attention a causal mask, or is_causal=True",
    )


RULE = PAGE.rule(check, severities=("error",), needs=("training",), symptom=False)
