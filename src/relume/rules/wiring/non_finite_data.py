"""ACT907 non-finite-data: NaN or infinity among the inputs or the targets.

## What it does
Finds the first batch in which the data that enter the network, or the targets of the loss, are not
finite, with their share and first row.

    x = (x - x.mean(0)) / x.std(0)  # a constant column: 0 / 0

"0.4 % of the input is not finite (NaN): 64 of 64 rows, the first is row 0, at step 0". Instead:

    x = (x - x.mean(0)) / x.std(0).clamp(min=1e-6)

## Why it hurts
One NaN makes the loss NaN, or, where the loss leaves the row out after it was computed, the
gradient: zero times NaN is NaN. One step later every weight is NaN.

## How it is measured
Exact: entries that are not finite, in the floating data that enter an affine or recurrent layer and
in the targets that the criterion saved (of a hand-written distance, its difference to a finite
output), on the first 10 recorded steps, every 15th later one, and the first step whose loss is not
finite. One is enough. An error where the loss or a gradient is not finite either, else a warning.

## Known false alarms
Values that are masked before they enter are not seen, rightly. Targets of `kl_div` are not judged:
the logarithm of zero is meant there.

## Fixes and their safety
Advice only: drop or fill the rows; where labels are missing, select the rows before the loss.

## References
None: it follows from the definition.
"""

from collections.abc import Iterator

from relume.core import Evidence, Result, Severity, Site, Trace
from relume.rules.outcome import judge
from relume.rules.page import page
from relume.rules.series_tools import is_recorded, last_step, number
from relume.rules.wiring_facts import DOWNSTREAM

PAGE = page(__doc__)

KINDS = ("input", "target")


def check(trace: Trace) -> Iterator[Result]:
    """One finding for each input, and one for the targets."""
    if not is_recorded(trace, "wiring"):
        yield PAGE.missing("the recorder did not look at the data")
        return
    facts = [f for f in trace.facts_of("wiring") if f.data.get("what") in KINDS]
    bad = [fact for fact in facts if (number(fact.data.get("share")) or 0) > 0]
    if not bad:
        yield PAGE.clean("the inputs and targets that were looked at are finite")
        return
    broken = bool(trace.facts_of("non-finite")) or judge(trace).name == "diverged"
    for fact in bad:
        data = fact.data
        more = {name: data[name] for name in ("what", "rows", "bad_rows", "first_row", "value")}
        more["number"] = more.pop("value")
        more["step"] = fact.step
        yield PAGE.finding(
            trace.site(fact.site) or Site(fact.site, "input"),
            Severity.ERROR if broken else Severity.WARNING,
            (fact.step, max(last_step(trace), fact.step)),
            "{value:.2%} of the {what} is not finite ({number}): {bad_rows} of {rows} rows, the "
            "first is row {first_row}, at step {step}",
            Evidence("nonfinite_share", float(data["share"]), 0.0, int(data["rows"]), more),
            cure="drop or fill these rows before they reach the model or the loss",
        )


RULE = PAGE.rule(
    check,
    severities=("warning", "error"),
    needs=("data",),
    symptom=False,
    explains=(*DOWNSTREAM, "ACT701", "ACT702"),
)
