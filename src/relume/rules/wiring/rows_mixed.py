"""ACT906 rows-mixed: the output of a row depends on the other rows of its batch.

## What it does
Finds models in which one row's output changes when another row's input does.

    tokens = x.view(length, batch, width)  # of (batch, length, width): a transpose was meant

"the outputs of 31 rows change by 40 % when one other row does; encoder is the first layer whose
output does". Instead:

    tokens = x.transpose(0, 1)

## Why it hurts
Rows get parts of other rows: the target of a row then has little to do with what the network sees,
and what it says of a row depends on the batch that it comes in.

## How it is measured
By `relume check --probe`: the first, the middle and the last row of the input are replaced in
turn (a recurrent layer that takes rows for time hands on in one direction), and the outputs of all
others are compared, in evaluation mode. Named above 1e-4 of the output's size: in float32 the
rounding of a product over 10,000 terms is about 1e-5 of it, and rows that do not mix change by no
more.

## Known false alarms
Attention, contrast or normalisation over the batch by design. Batch norm is asked in evaluation
mode, in which it does not mix. Models whose output has another number of rows are not judged, nor
those that keep the second axis and mix nothing along it: their rows may lie there (time first).

## Fixes and their safety
Advice only: `permute` or `transpose` for `view` where axes change their order; `batch_first=True`;
`softmax` over the last axis.

## References
Karpathy, "A recipe for training neural networks" (2019): "use backprop to chart dependencies".
"""

from collections.abc import Iterator

from relume.core import Evidence, Result, Severity, Trace
from relume.rules.page import page
from relume.rules.series_tools import last_step, number
from relume.rules.wiring_facts import DOWNSTREAM

PAGE = page(__doc__)

CHANGE = 1e-4  # of the output's size (see the page)


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding, for the model."""
    fact = next(iter(trace.facts_at("probe", "rows")), None)
    if fact is None:
        yield PAGE.missing("rows were not changed one by one", "ask with `relume check --probe`")
        return
    change = number(fact.data.get("change")) or 0.0
    if fact.data.get("second_axis"):
        yield PAGE.clean("no entry of the second axis changes when another one does")
        return
    if change <= CHANGE:
        yield PAGE.clean("no row changes when another one does", change / CHANGE)
        return
    layer = str(fact.data.get("layer") or "the model")
    rows = int(number(fact.data.get("rows")) or 0)
    yield PAGE.finding(
        trace.site(layer) or layer.removeprefix("the model"),
        Severity.WARNING,
        (0, last_step(trace)),
        "the rows of a batch mix: when one row is changed, the outputs of the {others} others "
        "change by up to {value:.2%}. The first layer that mixes them is {layer}",
        Evidence("change_by_other_row", change, CHANGE, rows, {"others": rows - 1, "layer": layer}),
        cure="look for a view that should be a transpose, or an operation over the batch axis",
    )


RULE = PAGE.rule(check, severities=("warning",), symptom=False, explains=DOWNSTREAM)
