"""Traces of the faults that a fact or one more stat tells: one maker a rule, over its value."""

from dataclasses import replace
from typing import Any

import numpy as np
from traces import CHANCE, Build, flat, healthy, learning

from relume.core import Trace, Window


def fields(build: Build, site: str, **values: np.ndarray | float) -> Build:
    """Overwrite counters of every window: an array is a share of the samples by unit."""
    windows = build.units[site]
    build.units[site] = tuple(
        replace(w, fields={**w.fields, **{n: np.asarray(v) * w.samples for n, v in values.items()}})
        for w in windows
    )
    return build


def split(share: float, yes: float, no: float, units: int = 100) -> np.ndarray:
    """`yes` for that share of the units, `no` for the others."""
    return np.where(np.arange(units) < round(share * units), yes, no)


def regression(
    act: str = "", loss: str = "mse", course: np.ndarray | None = None, units: int = 1, **data: Any
) -> Build:
    """A run with that last act, judged by that criterion; `data` go to the criterion."""
    build = Build().loss(flat() if course is None else course, CHANCE, loss=loss, **data)
    build.act("act1")
    acts = [{"act": act, "site": f"{act}()", "file": "net.py", "line": 7}] if act else []
    build.head(acts=acts, direct=True)
    build.sites = [replace(s, units=units) if s.kind == "head" else s for s in build.sites]
    return build


# --- structure and output -----------------------------------------------------------------------


def straight(share: float) -> Trace:
    build = healthy(flat())
    return fields(build, "act2", active=split(share, 1.0, 0.5)).trace()


def bent(residual: float) -> Trace:
    return healthy(flat(), act="tanh", low=0.0, affine_residual_share=residual).trace()


def in_a_row(pairs: float) -> Trace:
    build = healthy(flat())
    build.fact("act-pair", "act1", first="tanh", second="relu")
    for at in range(int(pairs)):
        build.fact("act-pair", f"act{at + 1}", first="relu", second="sigmoid")
    return build.trace()


def rectified(least_target: float) -> Trace:
    return regression("relu", target_min=least_target, target_max=3.0).trace()


def unnormalised(error: float) -> Trace:
    return regression(loss="nll", units=10, rows_logsumexp_error=error).trace()


def beyond(excess: float) -> Trace:
    return regression("tanh", target_min=-1.0, target_max=1.0 + 2.0 * excess).trace()


def over_rows(axis: float, shape: tuple[int, ...] = (64, 10), **more: Any) -> Trace:
    build = healthy(flat())
    data = {"act": "softmax", "axis": int(axis), "shape": list(shape), "batch": 64, **more}
    return build.fact("softmax", "softmax()", **data).trace()


def labels(ones: float) -> Trace:
    data = {"target_min": 0.0, "target_max": 1.0, "target_ones_max": ones}
    return regression(loss="cross_entropy", units=10, **data).trace()


def kinds(classes: float) -> Trace:
    data = {"target_min": 0.0, "target_max": classes - 1, "target_distinct": classes}
    return regression(target_whole=True, **data).trace()


# --- initialisation, units and gates ------------------------------------------------------------


def alike(cosine: float) -> Trace:
    return healthy(flat()).series("fc2.weight", "row_cosine_min", cosine).trace()


def dormant(share: float) -> Trace:
    build = healthy(flat(), act="gelu", low=0.5)
    fields(build, "act2", low=split(share, 1.0, 0.5), post_sum=0.0)
    fields(build, "act2", post_sumsq=split(share, 1e-12, 0.5))
    return build.trace()


def rare(share: float) -> Trace:
    return fields(healthy(), "act2", active=np.full(100, share)).trace()


def gate(share: float, stuck: float = 1.0, act: str = "sigmoid") -> Trace:
    build = healthy(flat())
    build.act("gate", act, low=0.0)
    build.sites = [replace(s, role="gate") if s.name == "gate" else s for s in build.sites]
    return fields(build, "gate", low=split(share, stuck, 0.1), high=0.0 * np.ones(100)).trace()


def router(top: float) -> Trace:
    build = healthy(flat())
    build.act("gate", "sigmoid", low=0.0, units=4)
    build.sites = [replace(s, role="gate") if s.name == "gate" else s for s in build.sites]
    return fields(build, "gate", top=np.array([top, 1 - top, 0, 0])).trace()


def attention(score: float, entropy: float = 0.1, begin: float = 2.0, heads: int = 4) -> Trace:
    """A transformer's attention: the first head's scores grow from `begin` to `score`."""
    build = healthy(flat())
    build.site("body.attention()", "attention", layer="body.q", units=heads, role="attention")
    build.fact("attention", "body.attention()", heads=heads, size=16, scale=0.25, fused=True)
    others = np.full(heads - 1, 0.9)
    made: list[Window] = []
    for index, part in enumerate(np.array_split(build.at, 5)):
        n = 64 * len(part)
        fields = {
            "attended": np.full(heads, float(n)),
            "entropy_sum": np.r_[entropy if index else max(entropy, 0.9), others] * n,
            "first_sum": np.full(heads, 0.05 * n),
            "logit_absmax": np.r_[score if index else begin, np.full(heads - 1, 3.0)],
        }
        made.append(Window(int(part[0]), int(part[-1]), len(part), n, fields))
    build.units["body.attention()"] = tuple(made)
    return build.trace()


def experts(dead: float, most: float = 0.2, picks: float = 1) -> Trace:
    """A router with eight experts, so many of which are never chosen."""
    build = healthy(flat())
    build.site("moe.router()", "router", layer="moe.gate", units=8, role="gate")
    build.fact("router", "moe.router()", experts=8, picks=picks)
    share = np.r_[most, np.full(7, (picks - most) / 7)]
    share[8 - int(dead) :] = 0.0
    made: list[Window] = []
    for part in np.array_split(build.at, 5):
        n = 64 * len(part)
        fields = {"top": np.rint(share * n)}
        made.append(Window(int(part[0]), int(part[-1]), len(part), n, fields))
    build.units["moe.router()"] = tuple(made)
    return build.trace()


def large(size: float) -> Trace:
    """An act in float16 with outputs of that size."""
    build = healthy(flat()).fact("precision", "act2", dtype="float16", shape=[64, 100])
    build.units["act2"] = tuple(
        replace(w, fields={**w.fields, "post_max": np.full(100, size)}) for w in build.units["act2"]
    )
    return build.trace()


# --- gradient flow ------------------------------------------------------------------------------


def still(update: float) -> Trace:
    return healthy(flat()).series("fc2.weight", "update_ratio", update).trace()


def nan(step: float) -> Trace:
    build = healthy(flat())
    if step >= 0:
        build.fact("non-finite", "act2", int(step), stat="nonfinite_share", operation="log")
        build.series("act2", "nonfinite_share", np.r_[np.zeros(99), 1.0])
    return build.trace()


def slow(update: float) -> Trace:
    # enough steps for the whole movement to be large, so that the single step decides
    return _rates(Build(40_000, 400).loss(flat(40_000)).act("act1"), update).trace()


def spent(rest: float = 0.0, until: float = 0.1, course: np.ndarray | None = None) -> Trace:
    """A rate that falls to that share of its summit, at that share of the run; the loss fell."""
    end = round(until * 400)
    fell = np.r_[np.linspace(2.3, 1.4, end), np.full(400 - end, 1.4)]
    build = Build().loss(fell + 0.005 * np.cos(np.arange(400)) if course is None else course)
    _rates(build.act("act1"), np.r_[np.full(2, 1e-3), np.full(98, 1e-9)])
    rates = build.table["", "learning_rate"]
    values = np.where(np.arange(400) < end, 1e-3, 1e-3 * rest)
    build.table["", "learning_rate"] = replace(rates, values=values)
    return build.trace()


def short(whole: float) -> Trace:
    """A run of 400 steps that moves its weights by that much in all."""
    return _rates(Build().loss(flat()).act("act1"), whole / 400).trace()


def _rates(build: Build, update: float) -> Build:
    for at in range(1, 4):
        build.weight(f"fc{at}.weight", update=update)
    return build.head()


def swinging(amplitude: float) -> Trace:
    n = np.arange(400)
    loss = 1.5 * CHANCE + amplitude * np.where(n % 2 == 0, 1.0, -1.0)
    return healthy(loss + np.random.default_rng(0).normal(0, 0.01, 400)).trace()


def decayed(ratio: float, left: float = 0.3, kind: str = "SGD") -> Trace:
    build = healthy(flat())
    shrinking = np.linspace(1.0, left, 100) if left < 1 else np.ones(100)
    shrinking[50:] = left
    for at in range(1, 4):
        name = f"fc{at}.weight"
        build.series(name, "weight_norm", shrinking).series(name, "grad_norm", 0.01)
        build.series(name, "update_ratio", 1e-3)
        decay = ratio * 0.01 / left if kind == "SGD" else ratio  # rate 1e-3, update 1e-3
        build.facts = [
            replace(f, data={**f.data, "weight_decay": decay})
            if f.kind == "parameter" and f.site == name
            else f
            for f in build.facts
        ]
    trace = build.trace()
    return replace(trace, meta={**trace.meta, "optimizer": kind})


# --- inputs, numerics and cost ------------------------------------------------------------------


def scale(rms: float) -> Trace:
    build = healthy(flat()).series("fc1", "rms", rms)
    return build.series("fc1", "feature_std_max_over_median", 2.0).trace()


def spread(times: float) -> Trace:
    return healthy(flat()).series("fc1", "feature_std_max_over_median", times).trace()


def rounded(share: float) -> Trace:
    return healthy(flat(), act="tanh", low=0.0, zero_slope_share=share).trace()


def cost(share: float) -> Trace:
    data = {"seconds": 0.1 + share, "cheapest_seconds": 0.1, "step_seconds": 1.0}
    return healthy(learning()).fact("act-cost", "act1", cheapest="relu", **data).trace()


def swallowed(share: float) -> Trace:
    return healthy(flat(), nonfinite_swallowed_share=share).trace()
