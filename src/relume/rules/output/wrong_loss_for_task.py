"""ACT206 wrong-loss-for-task: targets of one kind under a criterion for another.

## What it does
Looks at the targets (whole numbers or not, how many different ones, how many ones a row) and at the
width of the head, and asks where they do not fit the criterion: class numbers under a squared
error or a binary cross-entropy, several labels a row under a cross-entropy, a cross-entropy over
one unit. It also finds a prediction and a target of different shapes that were spread over each
other.

## Why it hurts
A squared error on class numbers says that class 9 is nine times as far as class 1. A cross-entropy
over one unit is zero whatever happens. A prediction of shape (N, 1) against targets of shape (N)
compares every prediction with every target, and the best answer is the mean of all.

## How it is measured
Class numbers: whole targets from 0 to K - 1, all K of them seen, K from 3 to 20, one output. More
than one label a row: rows of zeros and ones with at least two ones. A binary cross-entropy with a
target above 1 or below 0. Shapes: the criterion kept a tensor that was spread out. Least evidence:
one batch. What is certain is an error; class numbers under a squared error are a question (counts
and ratings look the same), asked as a note, and as a warning where the run fares badly. The 20 is
reasoned: ratings have ten steps at most, counts more.

## Known false alarms
Ordinal targets such as ratings and ages; counts.

## Fixes and their safety
Cross-entropy with a unit a class for class numbers; binary cross-entropy with logits for several
labels; `prediction.squeeze(-1)` for the shapes (all retrain).

## References
PyTorch documentation, `torch.nn.functional.mse_loss`: "using a target size that is different to the
input size". Bishop, "Pattern Recognition and Machine Learning", section 4.3, 2006.
"""

from collections.abc import Iterator

from relume.core import Evidence, Finding, Result, Severity, Trace, Value
from relume.rules.head_facts import JudgedHead, judged_heads, missing_reason
from relume.rules.outcome import judge
from relume.rules.page import page
from relume.rules.series_tools import last_step

PAGE = page(__doc__)

REGRESSION = ("mse", "l1", "smooth_l1", "huber")
BINARY = ("bce", "bce_with_logits")
LIKELIHOOD = ("cross_entropy", "nll")
FEWEST, MOST = 3, 20  # classes: two are a yes or no; more than twenty whole numbers are counts


def check(trace: Trace) -> Iterator[Result]:
    """One finding per head whose targets do not fit its criterion."""
    heads = list(judged_heads(trace, *REGRESSION, *BINARY, *LIKELIHOOD))
    if not heads:
        reason = missing_reason(trace, *REGRESSION, *BINARY, *LIKELIHOOD)
        yield (
            PAGE.missing(reason)
            if reason
            else PAGE.clean("no criterion that is known here", applies=False)
        )
    badly = judge(trace).fares_badly
    for head in heads:
        finding = _judge_head(trace, head, badly)
        if finding is not None:
            yield finding
        elif head.target("max") is None:
            reason = "the kind of the targets was not recorded"
            yield PAGE.missing(reason, "record again with this version of relume", head.site.name)
        else:
            yield PAGE.clean(f"{head.loss} fits the targets of {head.site.name}")


def _judge_head(trace: Trace, head: JudgedHead, badly: bool) -> Finding | None:
    if head.criterion.get("broadcast") is True:
        text = "{loss} after {site} compares a prediction and a target of different shapes: they "
        text += "were spread over each other, every prediction against every target"
        cure = "give both the same shape, for instance prediction.squeeze(-1)"
        return _finding(trace, head, Severity.ERROR, text, Evidence("broadcast", 1, 0, 1), cure)
    if head.loss in LIKELIHOOD and head.site.units == 1:
        text = "{loss} over the one unit of {site} is zero whatever the network says"
        cure = "use binary cross-entropy with logits for one unit"
        return _finding(trace, head, Severity.ERROR, text, Evidence("units", 1, 2, 1), cure)
    ones, most = head.target("ones_max"), head.target("max")
    if head.loss == "cross_entropy" and ones is not None and ones >= 2:
        text = "rows of the targets of {site} hold up to {value:.0f} labels, and cross-entropy "
        text += "makes the classes compete for one"
        cure = "use binary cross-entropy with logits for several labels"
        evidence = Evidence("labels_per_row", ones, 1, 1)
        return _finding(trace, head, Severity.WARNING, text, evidence, cure)
    least = head.target("min")
    beyond = max((most or 0.0) - 1, -(least or 0.0))
    if head.loss in BINARY and most is not None and beyond > 0:
        text = "targets of {site} go from {least:.3g} to {most:.3g} under {loss}, which wants "
        text += "{low} to {high}: its loss has no lower bound"
        cure = (
            "use cross-entropy for class numbers, and for yes and no the targets of one and nought"
        )
        more: dict[str, Value] = {"least": least or 0.0, "most": most, "low": 0, "high": 1}
        evidence = Evidence("target_beyond", beyond, 0.0, 1, more)
        return _finding(trace, head, Severity.ERROR, text, evidence, cure)
    return _classes(trace, head, badly)


def _classes(trace: Trace, head: JudgedHead, badly: bool) -> Finding | None:
    """The question whether the targets of a regression are class numbers."""
    least, most, kinds = head.target("min"), head.target("max"), head.target("distinct")
    if head.loss not in REGRESSION or None in (least, most, kinds) or least != 0:
        return None
    if not head.criterion.get("target_whole") or head.site.units != 1 or kinds is None:
        return None
    if most != kinds - 1 or not FEWEST <= kinds <= MOST:
        return None
    text = "the targets of {site} are the whole numbers from nought to {most:g}, under {loss}: "
    text += "are they {value:.0f} classes? Then the order of their numbers is taken for a distance"
    severity = Severity.WARNING if badly else Severity.NOTE
    cure = "if they are classes, use cross-entropy with a unit a class"
    evidence = Evidence("distinct_targets", kinds, FEWEST, 1, {"most": most})
    return _finding(trace, head, severity, text, evidence, cure)


def _finding(
    trace: Trace, head: JudgedHead, severity: Severity, text: str, evidence: Evidence, cure: str
) -> Finding:
    more = {"loss": head.loss, **evidence.more}
    complete = Evidence(evidence.stat, evidence.value, evidence.threshold, evidence.samples, more)
    return PAGE.finding(
        head.site, severity, (head.step, last_step(trace)), text, complete, cure=cure
    )


EXPLAINS = ("ACT203", "ACT204", "ACT501", "ACT601", "ACT603", "ACT606", "ACT607")
RULE = PAGE.rule(
    check,
    severities=("note", "warning", "error"),
    needs=("criterion",),
    figure="loss",
    symptom=False,
    explains=EXPLAINS,
)
