"""ACT205 wrong-softmax-axis: a softmax that makes the examples of a batch compete.

## What it does
Finds a softmax (or log-softmax) that sums to one over the batch, one whose axis was never named
and fell on the batch, and one in a hidden layer whose axis has a single entry.

    score = self.score(h)             # (batch, keys, 1)
    share = torch.softmax(score, -1)  # 1 for every key

"softmax at pool goes over an axis of 1 entry of 64 x 20 x 1: it gives 1, and no gradient".
Instead:

    share = torch.softmax(score, 1)

## Why it hurts
The classes of an example no longer sum to one, and the share of an example depends on who else is
in the batch: the same input gets another answer in another batch, and a batch of one always gets
all of it. Over a single entry the share is 1 whatever the scores are, and no gradient reaches the
layer that makes them.

## How it is measured
The axis of the operation in the graph: 0, of a tensor with at least two axes, and as long as the
batch. Threshold: one such place, by definition. Least evidence: one forward. An axis that was
left out is read off the source of the call, or the module: torch then takes axis 0 of one or
three axes, else axis 1. An axis of one entry, while another one beside the batch has several, is
an error by definition. Where that is no axis of the batch it is a note, and a warning at axis 0
of three.

## Known false alarms
Attention is exempt by its role. Where sequences come first axis 0 is time, and is judged only if
it is as long as the batch. A contrastive loss compares the examples of a batch on purpose, and a
pool over a bag gives each example one score: a square matrix and a single column are a note. A
softmax in a hidden layer is a warning, one before the criterion an error.

## Fixes and their safety
Name the axis of the classes: `dim=-1` (retrain: the function changes).

## References
PyTorch documentation, `torch.nn.functional.softmax`: "implicit dimension choice". Radford et al.,
"Learning transferable visual models from natural language supervision", 2021, arXiv:2103.00020.
"""

from collections.abc import Iterator
from dataclasses import replace

from relume.core import Evidence, Fact, Finding, Result, Severity, Site, Trace, Value
from relume.rules.page import page
from relume.rules.series_tools import is_recorded, last_step, number

PAGE = page(__doc__)

EXEMPT = ("attention",)


def check(trace: Trace) -> Iterator[Result]:
    """One finding per softmax over the batch."""
    if not is_recorded(trace, "softmax"):
        reason = "the axis of softmax operations was not recorded"
        yield PAGE.missing(reason, "record again with this version of relume")
        return
    facts = trace.facts_of("softmax")
    judged = [fact for fact in facts if fact.data.get("role") not in EXEMPT]
    findings = [_finding(trace, fact) for fact in judged if _over_batch(fact)]
    findings += [_single(trace, fact) for fact in judged if _is_single(fact)]
    findings += [
        _implicit(trace, f) for f in judged if f.data.get("implicit") and not _over_batch(f)
    ]
    yield from {finding.key: finding for finding in findings}.values()
    if not findings:
        yield PAGE.clean(f"none of {len(facts)} softmax operations sums over the batch")


def _is_single(fact: Fact) -> bool:
    """Whether the axis has one entry while another one than the batch has several."""
    shape: list[int] = list(fact.data.get("shape") or ())
    axis = int(number(fact.data.get("axis")) or 0)
    others = [size for at, size in enumerate(shape) if at not in (0, axis)]
    single = len(shape) > axis and shape[axis] == 1 and fact.data.get("ends") is False
    return single and any(size > 1 for size in others)


def _single(trace: Trace, fact: Fact) -> Finding:
    shape: list[int] = list(fact.data.get("shape") or ())
    text = "{act} at {site} goes over an axis of one entry (axis {value:g} of {shape}): it gives 1 "
    text += "everywhere, and no gradient reaches the layer that makes its scores"
    place = trace.site(fact.site) or Site(fact.site, "")
    file, line = str(fact.data.get("file") or place.file), int(fact.data.get("line") or place.line)
    act = str(fact.data.get("act", "softmax"))
    wanted = max((size, at) for at, size in enumerate(shape) if at)[1]
    more: dict[str, Value] = {"act": act, "shape": " x ".join(map(str, shape))}
    return PAGE.finding(
        replace(place, file=file, line=line),
        Severity.ERROR,
        (fact.step, last_step(trace)),
        text,
        Evidence("softmax_axis", int(number(fact.data.get("axis")) or 0), None, 1, more),
        cure=f"name the axis that competes: {act}(..., dim={wanted})",
    )


def _over_batch(fact: Fact) -> bool:
    shape: list[int] = list(fact.data.get("shape") or ())
    batch = number(fact.data.get("batch"))
    first = fact.data.get("axis") == 0 and len(shape) >= 2
    return first and batch is not None and shape[0] == batch and shape[0] > 1


def _severity(fact: Fact, shape: list[int]) -> Severity:
    """An error between head and criterion; scores of all against all, or of a bag, may be meant."""
    if len(shape) == 2 and shape[1] in (1, shape[0]):
        return Severity.NOTE
    return Severity.WARNING if fact.data.get("role") == "hidden" else Severity.ERROR


def _finding(trace: Trace, fact: Fact) -> Finding:
    shape: list[int] = list(fact.data["shape"])
    text = "{act} at {site} sums to one over the {batch} examples of the batch (axis {value:g} of "
    text += "{shape}), not over the classes"
    if fact.data.get("implicit"):
        text += "; the call names no axis"
    place = trace.site(fact.site) or Site(fact.site, "")
    file, line = str(fact.data.get("file") or place.file), int(fact.data.get("line") or place.line)
    act = str(fact.data.get("act", "softmax"))
    more = {"act": act, "batch": shape[0], "shape": " x ".join(map(str, shape))}
    return PAGE.finding(
        replace(place, file=file, line=line),
        _severity(fact, shape),
        (fact.step, last_step(trace)),
        text,
        Evidence("softmax_axis", 0, None, samples=shape[0], more=more),
        cure=f"name the axis of the classes: {act}(..., dim=-1)",
    )


def _implicit(trace: Trace, fact: Fact) -> Finding:
    """The finding on a call that names no axis where torch took another than the batch."""
    shape: list[int] = list(fact.data.get("shape") or ())
    axis = number(fact.data.get("axis")) or 0.0
    text = "{act} at {site} names no axis, so torch chose axis {value:g} of {shape}; with another "
    text += "number of axes it chooses another one"
    place = trace.site(fact.site) or Site(fact.site, "")
    file, line = str(fact.data.get("file") or place.file), int(fact.data.get("line") or place.line)
    act = str(fact.data.get("act", "softmax"))
    return PAGE.finding(
        replace(place, file=file, line=line),
        Severity.WARNING if axis == 0 and len(shape) == 3 else Severity.NOTE,
        (fact.step, last_step(trace)),
        text,
        Evidence("softmax_axis", axis, None, 1, {"act": act, "shape": " x ".join(map(str, shape))}),
        cure=f"name the axis of the classes: {act}(..., dim=-1)",
    )


EXPLAINS = ("ACT201", "ACT203", "ACT601", "ACT603", "ACT606", "ACT904")
RULE = PAGE.rule(
    check,
    severities=("note", "warning", "error"),
    needs=("criterion",),
    figure="loss",
    symptom=False,
    explains=EXPLAINS,
)
