"""Synthetic traces for the rules that follow the signal forward and the error backward."""

import math
from dataclasses import replace
from typing import Any

from traces import Build, flat, healthy, learning
from wiring_traces import wired

LOOKS_FOR = ("cut", "latents", "logit-bound", "looks-ahead", "rows", "softmax-chain", "time")


def signalled() -> Build:
    build = healthy(flat())
    build.meta = {"looks_for": list(LOOKS_FOR)}
    return build


def cut(audits: float, **more: Any) -> Build:
    """A comparison before which one weight has had no gradient on so many looks."""
    counts = {"audits": int(audits), "in_graph": 0, "reached": 0}
    build = wired("fc1.weight", **{**counts, **more})
    build.meta = {**build.meta, "looks_for": list(LOOKS_FOR)}
    data = {"operation": "gt", "file": "net.py", "line": 7, "leaves": ["fc1.weight"]}
    return build.fact("cut", "fc1.weight", **data)


def chained(count: float, *, last: str = "") -> Build:
    build = signalled()
    if last:
        build.facts = [f for f in build.facts if f.kind != "head"]
        build.fact("head", "gate0", layer="gate0", acts=[{"act": last}], rows_sum_error=0.0)
    for at in range(int(count)):
        build.fact("softmax-chain", f"gate{at}", file="net.py", line=9 + at, classes=8)
    return build


def cosines(scale: float, classes: int = 10) -> Build:
    """Logits that are cosines times a constant."""
    return signalled().fact("logit-bound", "head", scale=scale, classes=classes)


def ahead(looks: float) -> Build:
    """Attention that saw its targets on so many looks."""
    data = {"tokens": 16, "layers": 2, "looks": int(looks)}
    return signalled().fact("looks-ahead", "body", **data) if looks else signalled()


def floored(share: float) -> Build:
    """The same, where the floor is such a share of what guessing gives."""
    least = share * math.log(10)
    return cosines(-0.9 * math.log(math.expm1(least) / 9))


def phases(spread: float, *, stalled: bool = False) -> Build:
    """A hidden layer of sines whose phase spreads over so many radians."""
    build = healthy(flat() if stalled else learning()).act("act8", "sine")
    build.units["act8"] = tuple(
        replace(w, fields={**w.fields, "pre_sumsq": w.fields["pre_n"] * (spread / 30) ** 2})
        for w in build.units["act8"]
    )
    return build


def collapsed(streak: float, how: str = "weights", before: float = 0.4, **whole: Any) -> Build:
    """Rows that are alike after fc2 on so many of the last looks."""
    data = {"places": 8, "least": 0.2, "records": 9, "last": 390, **whole}
    build = signalled().fact("rows", **data)
    seen = {"how": how, "operation": "Mean", "share": 1e-9, "before": before, "records": 5}
    if streak:
        build.fact("rows", "fc2", streak=int(streak), last=390, **seen)
    return build


def embedded(share: float, *, loss: str = "unknown") -> Build:
    end = {"share": share, "alike": 9, "since": 40, "last": 396}
    build = collapsed(0, ends={"head": end})
    build.facts = [f for f in build.facts if f.kind != "criterion"]
    return build.fact("criterion", loss=loss, classes=None, chance=None)


def latents(used: float, what: str = "gaussian", units: int = 8, rows: int = 512) -> Build:
    data = {"used": int(used), "units": units, "rows": rows, "records": 9, "most": units}
    return signalled().fact("latents", "mu", what=what, **data)


def few_codes(share: float) -> Build:
    return latents(round(share * 8000), "codes", units=8000, rows=10**6)


def silent(share: float) -> Build:
    return latents(round((1 - share) * 8000), "top-k", units=8000, rows=10**6)


def composed(cost: float) -> Build:
    """Two acts that together keep a probability from one, so that a target of one costs so much."""
    build = Build().loss(flat(level=0.69), 0.69, loss="bce", classes=2).act("act1")
    acts = [{"act": "tanh"}, {"act": "sigmoid", "file": "net.py", "line": 7}]
    return build.head(acts=acts, direct=True, reach=[0.0, math.exp(-cost)])


def faded(looks: float, *, grown: bool = False, layer: str = "RNN") -> Build:
    """A recurrent layer that loses (or multiplies) a factor of ten every two of its 20 steps."""
    at = list(range(20))
    logs = [(19 - t if grown else t) / 2 for t in at]
    word = "grown" if grown else "lost"
    data = {"now": word if looks else "", word: int(looks), "records": 9, "length": 20}
    data |= {"at": at, "log10": logs, "decades": 9.5, "growth": 9.5, "layer": layer}
    return signalled().fact("time", "rnn", **data)
