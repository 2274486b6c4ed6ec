"""ACT106 dropout-leaves-little: a dropout that lets next to nothing through while it trains.

## What it does
Names each dropout that keeps at most a fifth of a layer's values.

## Why it hurts
What is kept is multiplied by one over its share, so a layer of 40 units behind a dropout of 0.97
passes one unit, 33 times too large, and another one on each step: the layers after it are trained
on noise. The usual slip is to give the probability to keep where the one to drop is meant.

## How it is measured
One over the largest entry of the mask that multiplied the values, on the first record. Warning
where it is 0.2 or less, an error from 0.1 on. Srivastava et al. (2014, section 7.3) found the
training error of a network of given width to rise from a share of 0.4 downwards, and both errors
to be many times as large at 0.1 as at 0.5; nobody advises less than 0.2. Least evidence: one
forward.

## Known false alarms
Very wide layers, of which a tenth is enough; on a run that learns this is a note.

## Fixes and their safety
Drop 0.1 to 0.5 (retrain); give `1 - keep` where a probability to keep was meant (retrain).

## References
Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: a simple way to prevent
neural networks from overfitting", JMLR 15, 2014.
"""

from collections.abc import Iterator

from relume.core import Evidence, Result, Severity, Site, Trace
from relume.rules.page import page
from relume.rules.series_tools import is_recorded, last_step, number

PAGE = page(__doc__)

LITTLE, HARDLY = 0.2, 0.1  # of the values that are kept: see the page


def check(trace: Trace) -> Iterator[Result]:
    """One finding for each such dropout."""
    if not is_recorded(trace, "dropout"):
        yield PAGE.missing("the recorder did not look for dropout")
        return
    facts = trace.facts_of("dropout")
    shares = {fact.site: number(fact.data.get("keep")) or 0.0 for fact in facts}
    for fact in facts:
        keep = shares[fact.site]
        if keep > LITTLE:
            continue
        yield PAGE.finding(
            Site(fact.site, "", file=str(fact.data.get("file")), line=int(fact.data["line"])),
            Severity.ERROR if keep <= HARDLY else Severity.WARNING,
            (fact.step, last_step(trace)),
            "the dropout after {site} keeps {value:.2g} of its {units} values, and multiplies them "
            "by {times:.3g}",
            Evidence(
                "keep_share", keep, LITTLE, 1, {"units": fact.data["units"], "times": 1 / keep}
            ),
            cure="drop less: the number is the probability to drop, not the one to keep",
        )
    if not any(keep <= LITTLE for keep in shares.values()):
        least = min(shares.values(), default=1.0)
        yield PAGE.clean(f"{len(shares)} dropouts, each keeps at least {least:.2g} of the values")


RULE = PAGE.rule(
    check,
    severities=("warning", "error"),
    from_start=True,
    explains=(
        *("ACT401", "ACT402", "ACT403", "ACT601", "ACT602", "ACT603", "ACT605", "ACT606"),
        *("ACT607",),
    ),
)
