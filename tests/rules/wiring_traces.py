"""Synthetic traces for the rules of wiring: a run whose parameters are all as they should be, and
one knob for each fault."""

from typing import Any

from traces import Build, flat, healthy

GOOD = {
    "shape": [8, 8],
    "named": True,
    "held": True,
    "called": True,
    "audits": 10,
    "in_graph": 10,
    "reached": 10,
    "zero": 0,
    "late": 0,
    "windows": 9,
    "uncleared": 0,
    "window_steps": 60,
    "moved": True,
    "cut": "",
}


def wired(*names: str, **changes: Any) -> Build:
    """Two weights that train beside those named, which have the changes."""
    build = healthy(flat())
    build.meta = {"optimizers": 1, "backwards": 400, "looks_for": ["wiring"], "ended": "normal"}
    for name in ("fc2.weight", "head.weight"):
        build.fact("wiring", name, **GOOD)
    for name in names:
        build.fact("wiring", name, **{**GOOD, **changes})
    return build


def uncleared(steps: float) -> Build:
    windows = max(int(steps), 1)
    return wired("fc1.weight", windows=windows, uncleared=int(steps))


def seldom_cleared(share: float) -> Build:
    return wired("fc1.weight", windows=1000, uncleared=round(1000 * share))


def forgotten(records: float) -> Build:
    return wired("fc1.weight", held=False, moved=False, reached=int(records))


def cut_off(late: float, **more: Any) -> Build:
    count = {"in_graph": 0, "reached": 0, "late": int(late), "moved": False}
    return wired("fc1.weight", **{**count, **more})


def idle(calls: float, *, ended: bool = True, moved: int = 0) -> Build:
    build = healthy(flat())
    build.meta = {"optimizers": 0, "backwards": calls, "looks_for": ["wiring"]}
    build.meta |= {"ended": "normal"} if ended else {}
    return build.fact("wiring", backwards=int(calls), waiting=4, moved=moved)


def remade(times: float) -> Build:
    data = {"leaves": 2, "shapes": "3x20, 3", "file": "", "line": 0}
    return wired().fact("wiring", "remade", what="remade", times=int(times), **data)


def remade_at(share: float) -> Build:
    """Made anew on such a share of the steps that were looked at."""
    data = {"leaves": 2, "shapes": "3x20, 3", "file": "", "line": 0, "chances": 1000}
    return wired().fact("wiring", "remade", what="remade", times=round(1000 * share), **data)


def unfinite(share: float) -> Build:
    data = {"what": "target", "rows": 64, "bad_rows": 3, "first_row": 7, "value": "NaN"}
    return wired().fact("wiring", "target", share=share, **data)


def mixed(change: float) -> Build:
    return wired().fact("probe", "rows", change=change, layer="encoder", rows=32)


def unlearned(left: float) -> Build:
    return wired().fact("probe", "overfit", start=2.0, end=2.0 * left, steps=200)


def exchanged(
    share: float, *, returned: int = 1000, equal: float = 0.0, chance: float = 0.5
) -> Build:
    """Rows that came back, and the share of them that had another row's target."""
    data = {"rows": 10_000, "equal": round(10_000 * equal), "returned": returned, "strange": 0}
    data |= {"changed": round(share * returned), "last": 399}
    return wired().fact("row-targets", "", **data, other=chance)


def lost(share: float) -> Build:
    data = {"optimizer": "AdamW", "lr": 2e-5, "eps": 1e-8, "dtype": "bfloat16", "eps_ratio": 0.0}
    counts = {"steps": 6, "tried": 10_000, "lost": int(10_000 * share)}
    return wired().fact("update", "fc1.weight", **data, **counts)


def silent(share: float) -> Build:
    return wired().fact("signal", "rows", batches=3, rows=96, share=share, zeroed=None)


def unheard_class(share: float) -> Build:
    data = {"batches": 3, "rows": 1000, "silent": [0], "silent_rows": round(1000 * share)}
    return wired().fact("signal", "labels", **data, labels=3, by=["ignore_index"])


def cut_term(times: float) -> Build:
    data = {"file": "train.py", "line": 7, "operand": "", "times": int(times)}
    return wired().fact("signal", "term 0", **data).fact("signal", "terms", sums=9)


def frozen(count: float) -> Build:
    build = wired()
    for at in range(2):
        build.fact("frozen", f"encoder.{at}.weight", fresh=at < count, entries=4096)
    return build
