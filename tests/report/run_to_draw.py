"""Runs to draw: with every stat that the page shows, and with every word of them hostile."""

from dataclasses import replace
from typing import Any

import numpy as np
import story_of_a_death as story

from relume.core import Fact, Series, Site, Trace, Window
from relume.core.trial import Arm, Edit, Effect, Objective, Trial, TrialRun, Verdict
from relume.diagnosis import diagnose
from relume.report.html.run_data import RunData

HOSTILE = {
    "script": "</script><script>alert(1)</script>",
    "comment": "<!--<script>",
    "quotes": "\"'`><img src=x onerror=alert(1)>",
    "format": "{value} {0} %s {{x}}",
    "template": "{{ 7*7 }}{% for x in y %}",
    "right to left": "abc\u202egnp.exe\u2066",
    "separators": "a\u2028b\u2029c\x00\x1b[31m\n",
    "surrogate": "\ud800lone",
    "long": "x" * 10_000,
    "prototype": "__proto__",
}


def network(
    name: str = "net", acts: int = 3, records: int = 40, *, seed: int = 0, act: str = "relu"
) -> Trace:
    """A run of `acts` acts with every stat that the page draws."""
    rng = np.random.default_rng(seed)
    at = np.arange(records) * 4
    table: dict[tuple[str, str], Series] = {}
    sites: list[Site] = []
    units: dict[str, tuple[Window, ...]] = {}
    facts: list[Fact] = [Fact("criterion", data={"loss": "cross_entropy", "chance": 2.303})]

    def put(site: str, stat: str, low: float, high: float) -> None:
        table[site, stat] = Series(at, np.exp(rng.uniform(np.log(low), np.log(high), records)))

    for i in range(acts):
        layer, here = f"{name}.{i}.fc", f"{name}.{i}.act"
        sites.append(Site(f"{layer}.weight", "parameter", layer=layer, order=4 * i, units=64))
        sites.append(Site(here, "act", act, layer=layer, order=4 * i + 2, units=64, file="m.py"))
        facts.append(Fact("parameter", f"{layer}.weight", data={"shape": [64, 64]}))
        for stat in ("silent_unit_share", "flat_share_low", "flat_share_high"):
            put(here, stat, 0.01, 0.3)
        for stat in ("pre_mean", "pre_rms", "post_rms"):
            put(here, stat, 0.5, 2)
        put(here, "grad_pre_rms", 1e-4, 1e-3)
        for stat in ("update_ratio", "grad_norm", "weight_norm"):
            put(f"{layer}.weight", stat, 1e-4, 1e-2)
        units[here] = tuple(window(at, rng, dead=i) for _ in range(4))
    sites.append(Site(f"{name}.out", "head", "identity", layer=f"{name}.out", order=4 * acts))
    put(f"{name}.out", "grad_pre_rms", 1e-3, 1e-2)
    steps = np.arange(4 * records)
    loss = 2.3 * np.exp(-steps / records) + rng.random(len(steps)) * 0.1
    table["", "loss"] = Series(steps, loss)
    table["", "learning_rate"] = Series(steps, np.full(len(steps), 0.01))
    meta = {"run": name, "script": "train.py", "steps": 4 * records, "records": records}
    return Trace({**meta, "ended": "normal"}, tuple(sites), table, units, tuple(facts))


def window(at: np.ndarray, rng: np.random.Generator, dead: int = 0) -> Window:
    mean, n = rng.normal(size=64), 640.0
    active = np.where(np.arange(64) < dead, 0.0, 300.0)
    fields = {
        "active": active,
        "low": n - active,
        "high": np.zeros(64),
        "pre_n": np.full(64, n),
        "pre_sum": mean * n,
        "pre_sumsq": (mean**2 + 0.25) * n,
    }
    return Window(int(at[0]), int(at[-1]), 10, int(n), fields)


def shown(trace: Trace) -> RunData:
    return RunData(trace, diagnose(trace))


def hostile(text: str) -> RunData:
    """A run in which every word that comes from a user's program is `text`."""
    trace = network(text or "x")
    meta = {**trace.meta, "script": text, "optimizer": text, "torch": text}
    trace = replace(
        trace, meta=meta, sites=tuple(replace(s, file=text, line=3) for s in trace.sites)
    )
    site = trace.sites[1].name
    findings = tuple(
        replace(
            finding,
            site=site,
            layer=text,
            cure=text,
            file=text,
            evidence=replace(finding.evidence, more={**finding.evidence.more, text: text}),
        )
        for finding in story.SICK.findings
    )
    told = replace(
        story.SICK,
        findings=findings,
        outcome=replace(story.STALLED, text=text),
        checked=tuple(replace(c, text=text) for c in story.CHECKED),
        not_checked=tuple(replace(n, site=text, reason=text) for n in story.NOT_CHECKED),
        meta=trace.meta,
    )
    return RunData(trace, told)


def trial(text: str = "fine") -> Trial:
    arms = (Arm("base", role="base"), Arm(text, (Edit("x", text=text),), text=text))
    shots = [TrialRun("base", s, 1.0) for s in range(3)]
    shots += [TrialRun(text, s, 0.5 if s else None, s == 0, problem=text) for s in range(3)]
    effect = Effect(0.5, 0.4, float("inf"), 0.01, 0.02, 2, 3, 0.5, diverged=(1, 0))
    return Trial(
        text, Objective(text), arms, tuple(shots), (Verdict(text, "proven", text, effect),)
    )


def many(trace: Trace) -> list[Any]:
    """A finding with a full curve at every act."""
    curve = tuple((i, 1 / (i + 3)) for i in range(64))
    acts = [site.name for site in trace.sites_of("act")]
    evidence = replace(story.DEAD.evidence, curve=curve)
    return [replace(story.DEAD, site=act, evidence=evidence, explained_by=()) for act in acts]
