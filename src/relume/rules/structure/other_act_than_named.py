"""ACT107 other-act-than-named: a module computes another act than its configuration names.

## What it does
Compares each act module with the word in the `config` of the model that it belongs to
(`hidden_act`, `activation_function`, `act_fn` and their like), and names those of the same name
that are another function: GELU by erf or by tanh, quick or clipped, a hard swish, a clipped ReLU.
An act that learns is taken as it starts.

## Why it hurts
Trained weights fit the function that they were trained with. A model that is rebuilt from its
configuration loads them without an error and computes something else: two forms of GELU differ by
0.0005, which nobody sees in a layer and few in a loss; GELU and its quick form by 0.02, and a hard
swish and a swish by 0.14.

## How it is measured
Exact, by `relume check`: the largest difference of the two functions on [-12, 12] in float64. Named
above 1e-6 (rounding of the formulas is below 1e-13). A warning above 0.01 (reasoned: beyond that
the two differ in bfloat16, whose step is 0.008 at 1 to 2), else a note. Only where both acts are
used for one word, so that a pooler's tanh beside a GELU is nothing.

## Known false alarms
A model whose configuration is known to be wrong, as that of the first Gemma ("gelu", trained with
the tanh form): its modules are right, and the word is not.

## Fixes and their safety
Advice only: put the act that the weights were trained with into the modules, or its name into the
configuration.

## References
Hendrycks and Gimpel, 2016, arXiv:1606.08415 (the three forms of GELU).
"""

from collections.abc import Iterator

from relume.core import Evidence, Result, Severity, Site, Trace
from relume.rules.page import page
from relume.rules.series_tools import is_recorded, last_step, number

PAGE = page(__doc__)

SAME = 1e-6  # formulas of one function differ by rounding, below 1e-13
VISIBLE = 0.01  # a step of bfloat16 between 1 and 2 is 0.0078


def check(trace: Trace) -> Iterator[Result]:
    """One finding for each such module."""
    if not is_recorded(trace, "act-name"):
        yield PAGE.missing("acts were not compared with a configuration", "relume check does it")
        return
    facts = trace.facts_of("act-name")
    gaps = [number(fact.data.get("difference")) or 0.0 for fact in facts]
    for fact, gap in zip(facts, gaps, strict=True):
        if gap <= SAME:
            continue
        words = {name: str(fact.data.get(name)) for name in ("key", "named", "found")}
        yield PAGE.finding(
            Site(fact.site, ""),
            Severity.WARNING if gap > VISIBLE else Severity.NOTE,
            (fact.step, last_step(trace)),
            "{site} is {found}, and the configuration's {key} names {named}: the two differ by up "
            "to {value:.2g}",
            Evidence("difference", gap, SAME, 1, words),
            cure="take the act that the weights were trained with, or name it in the configuration",
        )
    if all(gap <= SAME for gap in gaps):
        yield PAGE.clean(f"{len(facts)} acts are those that the configuration names")


RULE = PAGE.rule(check, severities=("note", "warning"), symptom=False)
