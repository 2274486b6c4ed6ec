"""Synthetic traces: a healthy run, and one knob for each fault."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from relume.acts.act import acts, find_act
from relume.core import Fact, Series, Site, Trace, Window

CHANCE = float(np.log(10))


def with_traits(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """The data of a fact as the recorder writes it: with what is known of each act it names."""
    if kind == "head":
        acts = [{"traits": traits(one.get("act")), **one} for one in data.get("acts") or ()]
        return data | {"acts": acts}
    if kind == "act-pair":
        return {f"{at}_traits": traits(data.get(at)) for at in ("first", "second")} | data
    return data


def traits(act: Any) -> dict[str, Any]:
    return dict(find_act(act).traits) if act in acts() else {}


def learning(steps: int = 400, noise: float = 0.05, seed: int = 0) -> np.ndarray:
    """A loss that falls from chance as in any good classifier."""
    rng = np.random.default_rng(seed)
    return (
        0.3 + (CHANCE - 0.3) * np.exp(-np.arange(steps) / (steps / 3)) + rng.normal(0, noise, steps)
    )


def flat(steps: int = 400, noise: float = 0.02, level: float = CHANCE, seed: int = 0) -> np.ndarray:
    """A loss that stays where it is."""
    return level + np.random.default_rng(seed).normal(0, noise, steps)


@dataclass
class Build:
    """A trace in the making; every method returns the builder."""

    steps: int = 400
    every: int = 4
    sites: list[Site] = field(default_factory=list)
    table: dict[tuple[str, str], Series] = field(default_factory=dict)
    units: dict[str, tuple[Window, ...]] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def at(self) -> np.ndarray:
        """The steps that are recorded."""
        return np.arange(0, self.steps, self.every)

    def loss(self, values: np.ndarray, chance: float | None = CHANCE, **more: Any) -> Build:
        self.steps = len(values)
        self.table["", "loss"] = Series(np.arange(len(values)), np.asarray(values, float))
        self.table["", "learning_rate"] = Series(np.arange(len(values)), np.full(len(values), 1e-3))
        data = {"loss": "cross_entropy", "classes": 10, "chance": chance, **more}
        return self.fact("criterion", **data)

    def fact(self, kind: str, site: str = "", step: int = 0, **data: Any) -> Build:
        self.facts.append(Fact(kind, site, step, with_traits(kind, data)))
        return self

    def series(self, site: str, stat: str, values: float | np.ndarray) -> Build:
        values = np.broadcast_to(np.asarray(values, float), self.at.shape).copy()
        self.table[site, stat] = Series(self.at, values)
        return self

    def site(self, name: str, kind: str = "act", **more: Any) -> Build:
        site = Site(name, kind, order=len(self.sites), **more)
        if kind == "act" and site.act:
            known = Site.of_act(site.act, find_act(site.act).traits)
            site = replace(known, **{"name": name, "order": site.order, **more})
        self.sites.append(site)
        return self

    def act(
        self,
        name: str,
        act: str = "relu",
        units: int = 100,
        *,
        dead_from: dict[int, int] | None = None,
        low: float | None = None,
        high: float = 0.0,
        rows: int = 64,
        windows: int = 5,
        **stats: Any,
    ) -> Build:
        """An act with windows. `dead_from`: unit -> index of the window it is silent from.
        `low`, `high`: share of entries flat on a side (`low` of a ReLU is its zeros)."""
        layer = stats.pop("layer", name.replace("act", "fc"))
        self.site(name, act=act, units=units, layer=layer)
        edges = np.array_split(self.at, min(windows, len(self.at)))
        made: list[Window] = []
        for index, part in enumerate(edges):
            n = rows * len(part)
            zero = np.full(units, 0.5 * n if low is None else low * n)
            active = np.full(units, 0.5 * n) if low is None else np.full(units, float(n))
            for unit, begin in (dead_from or {}).items():
                if index >= begin:
                    active[unit], zero[unit] = 0.0, n
            fields = {
                "active": active,
                "low": zero,
                "high": np.full(units, high * n),
                "post_min": np.zeros(units),
                "post_max": np.where(active > 0, 1.0, 0.0),
                "pre_n": np.full(units, float(n)),
                "pre_sum": np.where(active > 0, 0.0, -3.0 * n),
                "pre_sumsq": np.where(active > 0, 1.0 * n, 10.0 * n),
                "pre_max": np.where(active > 0, 2.0, -0.5),
            }
            made.append(Window(int(part[0]), int(part[-1]), len(part), n, fields))
        self.units[name] = tuple(made)
        share = np.array(
            [
                sum(i >= begin for begin in (dead_from or {}).values()) / units
                for i, part in enumerate(edges)
                for _ in part
            ]
        )
        defaults = {"silent_unit_share": share, "pre_rms": 1.0, "post_rms": 0.7, "pre_mean": 0.0}
        defaults |= {"grad_pre_rms": 0.7e-3, "grad_post_rms": 1e-3, "nonfinite_share": 0.0}
        for stat, values in {**defaults, **stats}.items():
            self.series(name, stat, values)
        return self

    def weight(self, name: str, grad: Any = 0.01, norm: float = 1.0, update: Any = 1e-3) -> Build:
        self.site(name, "parameter")
        self.fact(
            "parameter", name, shape=[64, 64], zero_init=False, trainable=True, before_norm=False
        )
        self.series(name, "grad_norm", grad).series(name, "weight_norm", norm)
        return self.series(name, "update_ratio", update)

    def input(self, nu: float = 0.3, rows: float = 5000.0, rms: Any = 1.0) -> Build:
        self.site("fc1", "input")
        self.series("fc1", "mean_energy_share", nu).series("fc1", "samples", rows)
        return self.series("fc1", "rms", rms).series("fc1", "eigen_ratio", 5.0)

    def head(self, **data: Any) -> Build:
        self.site("head", "head", act="identity")
        self.series("head", "pre_rms", 1.0)
        defaults = {"layer": "head", "acts": [], "rows_sum_error": 3.0, "rows_min": -2.0}
        return self.fact("head", "head", **{**defaults, **data})

    def trace(self) -> Trace:
        order = {"input": -1}
        sites = sorted(self.sites, key=lambda s: (order.get(s.kind, 0), s.order))
        return Trace(
            {"run": "t", "steps": self.steps, **self.meta},
            tuple(sites),
            self.table,
            self.units,
            tuple(self.facts),
        )


def healthy(loss: np.ndarray | None = None, depth: int = 3, **act: Any) -> Build:
    """A network of some hidden acts that has nothing wrong with it."""
    build = Build().loss(learning() if loss is None else loss).input()
    for at in range(1, depth + 1):
        build.act(f"act{at}", **act)
        build.weight(f"fc{at}.weight")
    return build.weight("head.weight").head()


def sigmoids(loss: np.ndarray, depth: int = 8, keeps: float = 0.22, weights: float = 0.58) -> Build:
    """A deep stack of sigmoids at default initialisation: the forward scale is steady."""
    build = Build().loss(loss).input()
    for at in range(1, depth + 1):
        post = 1e-3 * (keeps * weights) ** (depth - at)
        build.act(
            f"act{at}",
            "sigmoid",
            low=0.0,
            pre_rms=0.3,
            grad_post_rms=post,
            grad_pre_rms=keeps * post,
        )
        build.weight(f"fc{at}.weight", grad=post * keeps * 10)
    return build.weight("head.weight", grad=0.01).head()


def dead(share: float, begin: int = 0, units: int = 100) -> dict[int, int]:
    """The first units of a layer, silent from the window of that index."""
    return dict.fromkeys(range(round(share * units)), begin)


def many_acts(count: int, *, broken: bool = False) -> Build:
    """A deep network with its graph's paths: healthy, or with half of each layer's units dead."""
    half = dead(0.5, 1, 16) if broken else None
    build = healthy(flat() if broken else None, depth=count, units=16, dead_from=half)
    for at in range(1, count + 1):
        build.fact("path", f"act{at}", before=[f"act{at - 1}"] if at > 1 else [])
        weight = {"held": True, "named": True, "called": True, "audits": 10, "in_graph": 10}
        build.fact("wiring", f"fc{at}.weight", **weight, reached=10, zero=0, moved=not broken)
    return build
