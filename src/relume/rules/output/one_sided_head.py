"""ACT203 one-sided-head: the last act keeps the output from what the criterion asks for.

## What it does
Finds output acts that do not fit the criterion: a ReLU, sigmoid or tanh on the logits of a
cross-entropy, a rectifier on targets that go below zero, probabilities or raw logits where
log-probabilities belong (negative log likelihood), a logarithm of scores that nothing makes
probabilities (rectified and divided by their sum, or merely cut at 0 and 1), a softmax over one
unit, a rectified output that gives zero on all the data, and an act that keeps the mean or the
log-variance of a sampled latent from going below zero. Acts in a row are judged by what
they reach together, and so are abs, squares and roots of the score: a sigmoid of a ReLU, or of an
absolute value, gives 0.5 to 1, so that no negative is ever fitted. An output of one column that is
divided by its norm is 1 or -1.

    z = self.out(h).relu()
    return torch.sigmoid(z)  # under a binary cross-entropy

"sigmoid of relu after out gives 0.5 to 1: a target of zero costs at least 0.693". Instead:

    return torch.sigmoid(self.out(h))

## Why it hurts
A class score that cannot go below zero cannot say "surely not"; one that cannot leave (-1, 1)
leaves the best possible loss at ln(1 + (K - 1) exp(-2)): 0.797 for 10 classes. Where a rectified
output is silent no gradient is left at all, and a score that was cut at the edge of its range
passes none: the example that is most wrong teaches nothing. A softmax over a single unit is 1
whatever comes in.

## How it is measured
From the graph and the range of the act, once the criterion receives its output with nothing but
reshapes between. The floor of the loss for a width w of the range is ln(1 + (K - 1) exp(-w)).
Error where scores cannot go below zero, a warning for tanh: measured on digits
(`benchmarks/act_pairs.py`, five paired seeds, accuracy lost) ReLU 0.264 in 12 epochs (0.081 in
longer training), sigmoid 0.019, tanh 0.003; softplus with 0.002 is left alone. Targets below zero
under a rectifier: the least target seen. Under a logarithm (`benchmarks/heads.py`, digits, five
paired seeds, accuracy lost against softmax): rectified and divided by the sum 0.231, cut at both
ends 0.430, tanh and cut 0.401; softplus, sigmoid and exp divided by the sum at most 0.001, which
are left alone; on an easy two-class task with one unit nothing is lost, so there it is a warning.
Log-probabilities: abs of the logarithm of sum(exp(row)) above 1e-3 (as in
softmax-before-cross-entropy: rounding gives less). A silent output: no sample with a slope in two
windows over 8 records, up to 3000 samples (as in dead-units).
Operations in a row (acts, abs, powers, exp, clamp): applied one after the other to numbers of every
size; named where a target of zero or one, or the sure class, costs 0.1 or more at best (its
probability is then kept below 0.9: reasoned), an error from ln 2 on. A softmax, or a division by
the norm, over an axis of one entry: its shape, by definition. Latents: the range of the act that
gives a mean or a log-variance, where it begins at 0. `benchmarks/heads.py --latents` (a VAE on
digits, three paired seeds, held-out error over variance, 0.63 without an act): a rectified mean
0.82, softplus 1.02; a rectified, sigmoid or softplus log-variance 0.77; both rectified 0.93; tanh,
which goes below zero, 0.65 on the log-variance and 0.70 on the mean. Least evidence: one batch; two
windows for the silent output.

## Known false alarms
Heads that are used for inference only are not read: the walk begins at the loss. Clipped
logits (clamp, hardtanh) are not judged: their limits may be wide.

## Fixes and their safety
Remove the last act before the criterion (retrain); log-softmax before the negative log likelihood
(retrain), or cross-entropy on the logits (exact: the same loss, more stable).

## References
PyTorch documentation, `torch.nn.CrossEntropyLoss` and `torch.nn.NLLLoss`. Bridle, "Probabilistic
interpretation of feedforward classification network outputs", 1990.
"""

import math
from collections.abc import Iterator
from dataclasses import replace

from relume.core import Evidence, Fact, Finding, Result, Severity, Site, Trace, Value
from relume.rules.head_facts import JudgedHead, in_words, judged_heads, missing_reason
from relume.rules.page import page
from relume.rules.series_tools import DEAD_RECORDS, DEAD_SAMPLES, last_step, number
from relume.rules.unit_windows import LEAST_WINDOWS, last_windows, records, samples, silent_units

PAGE = page(__doc__)

LOGITS = ("cross_entropy", "bce_with_logits")
REGRESSION = ("mse", "l1", "smooth_l1", "huber")
LOGARITHMS = ("log_likelihood", "nll", "bce")
LOSSES = (*LOGITS, *REGRESSION, *LOGARITHMS, "kl_div")
LOG_SUM = 1e-3  # as in ACT201: float16 rows of a thousand classes err by less
LEAST_COST = 0.1  # of one target: its probability is then kept below 0.905 (reasoned)
WIDE = 700.0  # exp of less does not vanish
TINY = 1e-12
ROUNDING = 1e-3  # of a range that was read off a grid
HALF = math.log(2.0)  # what a negative costs at least if the logit is never below zero


def check(trace: Trace) -> Iterator[Result]:
    """One finding per head that cannot reach what it is asked for."""
    heads = list(judged_heads(trace, *LOSSES))
    findings = [finding for head in heads if (finding := _judge_head(trace, head)) is not None]
    alone = () if findings else (f for f in trace.facts_of("softmax") if f.data.get("ends"))
    findings += [_alone(trace, fact) for fact in alone]
    findings += [_norm(trace, f) for f in trace.facts_of("single-norm") if f.data.get("ends")]
    findings += [f for site in trace.sites_of("act", "output") if (f := _silent(trace, site))]
    findings += [f for fact in trace.facts_of("latents") for f in _latents(trace, fact)]
    yield from {f.key: f for f in findings}.values()
    if findings:
        return
    if not heads:
        reason = missing_reason(trace, *LOSSES)
        yield (
            PAGE.missing(reason)
            if reason
            else PAGE.clean("no head under such a criterion", applies=False)
        )
        return
    unread = [h for h in heads if h.acts and h.direct is None and h.loss != "bce"]
    if unread:
        reason = "whether something stands between the last act and the criterion was not recorded"
        yield PAGE.missing(reason, site=unread[0].site.name)
        return
    acts = ", ".join(f"{h.last or 'no act'} before {h.loss}" for h in heads)
    yield PAGE.clean(f"{acts}: nothing in the way of the targets")


def _judge_head(trace: Trace, head: JudgedHead) -> Finding | None:
    if head.reach is not None and (finding := _composed(trace, head, *head.reach)) is not None:
        return finding
    if head.site.units == 1 and head.last_act.rows:
        text = "{act} over the one unit of {site} is a constant, whatever the network says"
        cure = "use a sigmoid for one unit, or two units for the softmax"
        return _finding(trace, head, Severity.ERROR, text, Evidence("units", 1, 2, 1), cure)
    if head.loss in LOGARITHMS and (finding := _logarithm(trace, head)) is not None:
        return finding
    if head.loss in ("nll", "kl_div"):
        return _likelihood(trace, head)
    if not head.direct or not head.last:
        return None
    act = head.last_act
    low, high = act.low, act.high
    if head.loss in LOGITS and not (act.rows or act.clips) and math.isfinite(low):
        return _logits(trace, head, act)
    least = head.target("min")
    if head.loss in REGRESSION and math.isinf(high) and least is not None and least < low:
        text = "{act} after {site} gives nothing below {threshold:g}, and targets go to {value:.3g}"
        evidence = Evidence("target_min", least, low, samples=1)
        return _finding(trace, head, Severity.ERROR, text, evidence, _remove(head))
    return None


def _composed(trace: Trace, head: JudgedHead, low: float, high: float) -> Finding | None:
    """The finding on operations that together keep probabilities, or targets, out of reach."""
    acts = in_words(head.reach_by)
    if head.last_act.rows:
        classes, width = head.classes or head.site.units or 2, high - low
        floor = math.log1p((classes - 1) * math.exp(-min(width, WIDE)))
        text = "{act} after {site} takes scores between {low:.3g} and {high:.3g}: with {classes} "
        text += "classes the loss stays above {value:.3f}"
        if head.loss not in (*LOGITS, *LOGARITHMS) or floor < LEAST_COST:
            return None
        more: dict[str, Value] = {"act": acts, "low": low, "high": high, "classes": classes}
    elif head.loss in ("bce", "log_likelihood") and 0 <= low < high <= 1:
        zero, one = -math.log(max(1 - low, TINY)), -math.log(max(high, TINY))
        floor, target = max((zero, "zero"), (one, "one"))
        if floor < LEAST_COST:
            return None
        text = "{act} after {site} gives {low:.3g} to {high:.3g}: a target of {target} costs at "
        text += "least {value:.3f}"
        more = {"act": acts, "low": low, "high": high, "target": target}
    elif head.loss == "bce_with_logits" and not head.last_act.squashes:
        zero, one = _softplus(low), _softplus(-high)
        floor, target = max((zero, "zero"), (one, "one"))
        if floor < LEAST_COST:
            return None
        text = "{act} after {site} keeps the logits between {low:.3g} and {high:.3g}: a target of "
        text += "{target} costs at least {value:.3f}"
        more = {"act": acts, "low": low, "high": high, "target": target}
    else:
        return _beyond(trace, head, acts, low, high)
    severity = Severity.ERROR if floor >= HALF - ROUNDING else Severity.WARNING
    evidence = Evidence("least_loss", floor, LEAST_COST, samples=1, more=more)
    first, *rest = head.reach_by
    cure = (
        f"remove the {first} before the {rest[-1]}"
        if rest
        else f"remove the {first} from the output"
    )
    return _finding(trace, head, severity, text, evidence, cure)


def _beyond(trace: Trace, head: JudgedHead, acts: str, low: float, high: float) -> Finding | None:
    """The finding on operations that are open on one side, with targets beyond the other."""
    least, most = head.target("min"), head.target("max")
    if head.loss not in REGRESSION or math.isfinite(low) == math.isfinite(high):
        return None
    below = math.isfinite(low)
    value, limit = (least, low) if below else (most, high)
    if value is None or not (value < limit if below else value > limit):
        return None
    text = "{act} after {site} gives nothing {side} {threshold:g}, and targets go to {value:.3g}"
    stat, side = ("target_min", "below") if below else ("target_max", "above")
    evidence = Evidence(stat, value, limit, samples=1, more={"act": acts, "side": side})
    cure = f"remove the {head.reach_by[-1]} from the output"
    return _finding(trace, head, Severity.ERROR, text, evidence, cure)


def _softplus(logit: float) -> float:
    """What a target of zero costs at a logit."""
    return max(logit, 0.0) + math.log1p(math.exp(-abs(logit)))


def _norm(trace: Trace, fact: Fact) -> Finding:
    """The finding on values at the end that are divided by their own norm over one entry."""
    data = fact.data
    file, line = str(data.get("file") or ""), int(number(data.get("line")) or 0)
    text = "the output is divided by its norm over an axis of {value:.0f} entry ({shape}): it is "
    text += "plus or minus one, whatever the network says, and passes no gradient"
    shape = " x ".join(map(str, data.get("shape") or ()))
    return PAGE.finding(
        Site("", "", file=file, line=line),
        Severity.ERROR,
        (fact.step, last_step(trace)),
        text,
        Evidence("norm_entries", 1, 2, 1, {"shape": shape}),
        cure="take the norm over an axis of several entries, or leave it out",
    )


def _alone(trace: Trace, fact: Fact) -> Finding:
    """The finding on a softmax at the end over an axis of one entry."""
    known = trace.site(fact.site) or Site(fact.site, "act")
    file, line = str(fact.data.get("file") or known.file), int(fact.data.get("line") or known.line)
    act = str(fact.data.get("act"))
    text = "{act} at {site} goes over an axis of {value:.0f} entry ({shape}): it is a constant, "
    text += "whatever the network says, and passes no gradient"
    shape = " x ".join(map(str, fact.data.get("shape") or ()))
    return PAGE.finding(
        replace(known, file=file, line=line),
        Severity.ERROR,
        (fact.step, last_step(trace)),
        text,
        Evidence("softmax_entries", 1, 2, 1, {"act": act, "shape": shape}),
        cure="use a sigmoid for one unit, or two units for the softmax",
    )


def _logits(trace: Trace, head: JudgedHead, act: Site) -> Finding | None:
    low, high = act.low, act.high
    if head.loss == "bce_with_logits" and act.squashes:
        return None  # probabilities where logits belong: ACT202 reports it
    width, classes = high - low, head.classes or 2
    more: dict[str, Value] = {"low": low, "high": high, "width": width, "classes": classes}
    if head.loss == "bce_with_logits":
        floor = HALF if low >= 0 else math.log1p(math.exp(-high))
        text = "the logits after {site} are kept between {low:g} and {high:g} by {act}: the loss "
        text += "of a negative stays above {value:.3f}"
    else:
        floor = math.log1p((classes - 1) * math.exp(-width)) if math.isfinite(width) else 0.0
        text = "{act} stands between {site} and cross-entropy: a class score cannot go below "
        text += "{low:g}"
        if math.isfinite(width):
            text += (
                ", nor above {high:g}, so with {classes} classes the loss stays above {value:.3f}"
            )
        if act.smooth and math.isinf(high):  # softplus
            return None  # any difference of scores can be reached, and no slope is zero
    severity = Severity.ERROR if low >= 0 else Severity.WARNING
    evidence = Evidence("least_loss", floor, 0.0, samples=1, more=more)
    return _finding(trace, head, severity, text, evidence, _remove(head))


def _logarithm(trace: Trace, head: JudgedHead) -> Finding | None:
    """The finding on a logarithm of scores that only a cut or a division makes positive."""
    if not head.guards:
        return None
    # a limit is a guard against log(0), or against probabilities above 1
    last = next((act for act in reversed(head.act_sites) if not act.clips), Site("", "act"))
    low, high = head.cut
    cut = low is not None and high is not None and 0 <= low < high <= 1
    shared = "renormalised" in head.guards
    more: dict[str, Value] = {"low": low, "high": high, "act": last.act or "no act"}
    if last.cuts and (cut or shared):
        text = "the logarithm after {site} takes the output of {act} for probabilities: where a "
        text += "score is zero no gradient tells it to rise"
    elif cut and (not last.act or -math.inf < last.low < 0):
        text = "the logarithm after {site} takes scores ({act}) for probabilities, cut at {low:g} "
        text += "and {high:g}: beyond the cut no gradient passes"
    else:
        return None
    one = head.site.units == 1
    cure = "use a sigmoid for one unit, and a softmax for several, before the logarithm"
    severity = Severity.WARNING if one else Severity.ERROR
    evidence = Evidence("guards", float(len(head.guards)), 0.0, samples=1, more=more)
    return _finding(trace, head, severity, text, evidence, cure)


def _likelihood(trace: Trace, head: JudgedHead) -> Finding | None:
    """The finding on rows of a log likelihood whose exponentials do not sum to one."""
    error = number(head.criterion.get("rows_logsumexp_error"))
    summed = head.rows_sum_error
    cure = "use cross-entropy on the logits, or a log-softmax before the criterion"
    if (
        head.last_act.rows == "probabilities"
        and head.direct
        and summed is not None
        and summed <= LOG_SUM
    ):
        text = "{loss} after {site}, a log likelihood, receives probabilities (rows sum to one "
        text += "within {value:.1e}) and not their logarithms: it rewards them, without a limit"
        evidence = Evidence("rows_sum_error", summed, LOG_SUM, samples=1)
        return _finding(trace, head, Severity.ERROR, text, evidence, cure)
    if error is None or error <= LOG_SUM:
        return None
    text = "the negative log likelihood after {site} receives rows that are no log-probabilities "
    text += "(the logarithm of the sum of their exponentials is off by {value:.3g})"
    evidence = Evidence("rows_logsumexp_error", error, LOG_SUM, samples=1)
    return _finding(trace, head, Severity.ERROR, text, evidence, cure)


def _silent(trace: Trace, site: Site) -> Finding | None:
    """The finding on an output act of which every unit gave nothing in two windows."""
    windows = trace.windows(site.name)
    part = last_windows(windows, DEAD_SAMPLES, DEAD_RECORDS)
    if len(part) < LEAST_WINDOWS or records(part) < DEAD_RECORDS:
        return None
    mute = silent_units(site, part)
    if not len(mute) or not mute.all():
        return None
    rows = samples(part)
    return PAGE.finding(
        site,
        Severity.ERROR,
        (part[0].first, last_step(trace)),
        "the output act {place} gave nothing on {samples} samples: no gradient reaches the network",
        Evidence("silent_unit_share", 1.0, 1.0, rows, {"act": site.act}),
        cure=f"remove the {site.act} from the output, and re-initialise the last layer",
    )


def _latents(trace: Trace, fact: Fact) -> Iterator[Finding]:
    """The findings on acts that keep a latent's mean or log-variance from going below zero."""
    for what in ("mean", "log-variance"):
        site = trace.site(str(fact.data.get(what.replace("-", "_") + "_act") or ""))
        if site is None or not 0 <= site.low < math.inf:
            continue
        text = f"{{act}} after {{layer}} gives the {what} of the latents, which then cannot go "
        text += "below {low:g}: " + (
            "all latents lie on one side of the prior's centre"
            if what == "mean"
            else "their spread is that of the prior at least, so that they say little of a row"
        )
        more: dict[str, Value] = {"act": site.act, "low": site.low, "layer": site.layer}
        evidence = Evidence("least_latent", site.low, 0.0, samples=1, more=more)
        steps, cure = (fact.step, last_step(trace)), f"remove the {site.act} from the {what}"
        yield PAGE.finding(site, Severity.WARNING, steps, text, evidence, cure=cure)


def _remove(head: JudgedHead) -> str:
    return f"remove the {head.last} before the criterion"


def _finding(
    trace: Trace, head: JudgedHead, severity: Severity, text: str, evidence: Evidence, cure: str
) -> Finding:
    more = {"act": head.last or "no act", "loss": head.loss} | dict(evidence.more)
    complete = Evidence(evidence.stat, evidence.value, evidence.threshold, evidence.samples, more)
    return PAGE.finding(
        head.site, severity, (head.step, last_step(trace)), text, complete, cure=cure
    )


EXPLAINS = (
    *("ACT401", "ACT403", "ACT405", "ACT501"),
    *("ACT601", "ACT602", "ACT603", "ACT605", "ACT606"),
)
RULE = PAGE.rule(
    check,
    severities=("warning", "error"),
    needs=("criterion",),
    figure="loss",
    symptom=False,
    explains=EXPLAINS,
)
