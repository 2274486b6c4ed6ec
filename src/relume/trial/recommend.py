"""Recommends acts for a program, with evidence and the command that would test it:
`relume recommend`.

It is advice: nothing of it has been tried on the user's training, and the report says so.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from relume.core import Diagnosis, Finding, Rule, Severity, Site, Trace
from relume.diagnosis import all_rules
from relume.trial.hidden_acts import hidden_acts

FLOW = ("flat", "depth")  # figures of rules that find the signal or the gradient lost in acts
RIGHT_HEAD = {
    "cross_entropy": "no act before the loss: it takes raw scores, and its softmax is in it",
    "nll": "log_softmax before the loss, which takes log-probabilities",
    "bce_with_logits": "no act before the loss: it takes raw scores, and its sigmoid is in it",
    "bce": "sigmoid before the loss, which takes probabilities",
    "mse": "no act before the loss (identity), unless the targets are bounded",
    "l1": "no act before the loss (identity), unless the targets are bounded",
    "smooth_l1": "no act before the loss (identity), unless the targets are bounded",
    "huber": "no act before the loss (identity), unless the targets are bounded",
}


@dataclass(frozen=True, slots=True)
class Advice:
    """One piece of advice.

    Attributes:
        where: ``"first"``, ``"hidden layers"`` or ``"output layer"``.
        text: what to do, in a sentence.
        evidence: what in this run supports it.
        settle: the command that would test it; empty where there is nothing to test.
    """

    where: str
    text: str
    evidence: tuple[str, ...]
    settle: str = ""


def advice(diagnosis: Diagnosis, trace: Trace, command: str) -> tuple[Advice, ...]:
    """Recommend acts for the hidden layers and the output.

    Args:
        diagnosis: of the program as it is.
        trace: its recording.
        command: the program's command after ``relume compare``: ``"train.py --epochs 3"``.
    """
    pieces = (
        *_first(diagnosis, command),
        *_hidden(diagnosis, trace, command),
        *_output(diagnosis, trace, command),
    )
    said, once = set[str](), list[Advice]()
    for piece in pieces:
        once.append(replace(piece, evidence=tuple(e for e in piece.evidence if e not in said)))
        said.update(piece.evidence)
    return tuple(once)


def _first(diagnosis: Diagnosis, command: str) -> Iterator[Advice]:
    """Advise to cure the root cause first: a run that fails of another cause judges no act."""
    for root in diagnosis.roots:
        if root.severity >= Severity.WARNING and _rule(root).family != "output":
            text = f"Cure {root.code} {root.name}: until then no act can be judged by this run."
            yield Advice("first", text, (root.message,), f"relume fix {command}")
            return


def _hidden(diagnosis: Diagnosis, trace: Trace, command: str) -> Iterator[Advice]:
    sites = hidden_acts(trace)
    acts = tuple(dict.fromkeys(site.act for site in sites))
    if not sites:
        yield _without_acts(diagnosis, trace)
        return
    used = f"this run uses {' and '.join(acts)} at {len(sites)} places"
    cutting = {site.name for site in sites if site.cuts}
    silent = [f for f in diagnosis.findings if _rule(f).figure == "silent" and f.site in cutting]
    dead = [f for f in silent if f.severity >= Severity.NOTE]
    loud = [f for f in dead if f.severity >= Severity.WARNING]
    squash = list(dict.fromkeys(s.act for s in sites if math.isfinite(s.high) and not s.clips))
    dying = list(dict.fromkeys(site.act for site in sites if site.cuts))
    hidden = {"", *(site.name for site in sites)}
    flow = [f for f in diagnosis.findings if _rule(f).figure in FLOW and f.site in hidden]
    fares = diagnosis.outcome.text
    if loud and dying:
        roots = [f for f in diagnosis.roots if f.severity >= Severity.WARNING]
        first = [f"their root cause is {r.code} {r.name}: cure that first" for r in roots[:1]]
        text = f"Try Leaky ReLU: units die under {_spoken(dying)} here."
        yield Advice(
            "hidden layers",
            text,
            (used, loud[0].message, *first, fares),
            f"relume compare --acts leaky_relu,elu,gelu {command}",
        )
    elif squash and any(f.severity >= Severity.WARNING for f in flow):
        yield Advice(
            "hidden layers",
            f"Try ReLU instead of {' and '.join(squash)}, with the initialisation it needs.",
            (used, flow[0].message, fares),
            f"relume compare --acts relu,leaky_relu,gelu {command}",
        )
    elif acts == ("relu",):
        roots = any(f.severity >= Severity.WARNING for f in diagnosis.roots)
        text = "Keep ReLU, the default: nothing in this run speaks against it"
        text += " but what is to be cured first." if roots else "."
        share = f"{len(dead)} notes on dead units" if dead else "no finding on dead units"
        yield Advice(
            "hidden layers",
            text,
            (used, share, fares),
            f"relume compare --acts leaky_relu,gelu,silu {command}",
        )
    else:
        text = f"Keep {' and '.join(acts)} unless a trial says otherwise; ReLU is the default."
        yield Advice(
            "hidden layers", text, (used, fares), f"relume compare --acts relu,leaky_relu {command}"
        )


def _without_acts(diagnosis: Diagnosis, trace: Trace) -> Advice:
    """Advise where no act stands between layers: gates, fused layers and a bare chain differ."""
    missing = [f for f in diagnosis.findings if f.name == "missing-nonlinearity"]
    if missing:
        text = "Put ReLU between the affine layers: without an act they are one affine map."
        return Advice("hidden layers", text, (missing[0].message,))
    fused = list(dict.fromkeys(str(f.data.get("reason")) for f in trace.facts_of("opaque")))
    gates = [
        s for s in trace.sites if s.kind == "act" and s.role in ("gate", "attention", "hidden")
    ]
    if gates:
        acts = " and ".join(dict.fromkeys(site.act for site in gates))
        text = f"Leave {acts}: they are gates here, which need their bounds."
        where = f"{len(gates)} places, in {gates[0].path or 'the model'}"
        return Advice("hidden layers", text, (f"what they give is multiplied, at {where}",))
    if fused:
        text = "Leave what runs fused: its acts belong to it, and no other was seen."
        return Advice("hidden layers", text, tuple(fused[:2]))
    text = "Nothing to choose: no two affine layers that need an act between them were seen."
    return Advice("hidden layers", text, ("no hidden activation function was seen in this run",))


def _rule(finding: Finding) -> Rule:
    return next(rule for rule in all_rules() if rule.code == finding.code)


def _spoken(acts: Sequence[str]) -> str:
    return " and ".join("ReLU" if act == "relu" else act for act in acts)


def _output(diagnosis: Diagnosis, trace: Trace, command: str) -> Iterator[Advice]:
    heads = [f for f in diagnosis.findings if _rule(f).family == "output"]
    wrong = [f for f in heads if f.severity >= Severity.NOTE]
    for finding in wrong[:2]:
        text = finding.cure or "Match the last act to the loss and its targets."
        yield Advice("output layer", text, (finding.message,), f"relume fix {command}")
    if wrong:
        return
    criteria = [str(fact.data.get("loss")) for fact in trace.facts_of("criterion")]
    for name in dict.fromkeys(criteria):
        known = RIGHT_HEAD.get(name)
        if known is not None:
            acts = _head_acts(trace)
            evidence = f"the loss is {name}, and before it stands {acts or 'no act'}"
            yield Advice("output layer", f"{known[:1].upper()}{known[1:]}.", (evidence,))


def _head_acts(trace: Trace) -> str:
    names: list[str] = []
    for fact in trace.facts_of("head"):
        acts: Any = fact.data.get("acts") or ()
        names += [str(each.get("act")) for each in acts]
    heads: tuple[Site, ...] = trace.sites_of("act", "head")
    return " and ".join(dict.fromkeys(names or [site.act for site in heads]))
