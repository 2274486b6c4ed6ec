"""What is known of an act stands on the act, so a user's own is judged as relume's are."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from traces import Build, flat, healthy

import relume
import relume.acts.act as room
from relume.acts.act import Act, acts, by_node, find_act, register
from relume.core import Diagnosis, Fact, Finding, Rule, Severity, Site, Trace
from relume.diagnosis import all_rules, diagnose
from relume.fixes.ladder import ladder
from relume.record.capture.act_timing import cheapest
from relume.record.store.legacy_acts import BY_NAME, with_traits
from relume.rules.init_advice import init_for
from relume.rules.structure.act_after_act import NARROW, SIGMOID_SLOPE, effect

RULES: dict[str, Rule] = {rule.code: rule for rule in all_rules()}


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    kept = dict(room._registered)
    yield
    room._registered.clear()
    room._registered.update(kept)
    by_node.cache_clear()


def own_acts() -> tuple[Act, Act, Act]:
    """One that saturates as tanh does, one that rectifies as ReLU does, one that squashes."""

    @register(formula="2 / pi * atan(pi / 2 z)")
    def own_s(z: Tensor) -> Tensor:
        return torch.atan(z * (torch.pi / 2)) * (2 / torch.pi)

    @register(formula="max(z, 0)", kinks=lambda: (0.0,))
    def own_cut(z: Tensor) -> Tensor:
        return z * (z > 0)

    @register(formula="1 / (1 + exp(-z))")
    def own_gate(z: Tensor) -> Tensor:
        return torch.sigmoid(z)

    return own_s, own_cut, own_gate


LIKE = {"own_s": "softsign", "own_cut": "relu", "own_gate": "sigmoid"}


def compared(act: str) -> dict[str, Any]:
    """The traits by which rules judge; a slope and a shape to about a digit."""
    known = dict(find_act(act).traits)
    known["max_slope"] = round(known["max_slope"], 1)
    known["init"] = known["init"][:1]
    return known


@pytest.mark.parametrize(("own", "shipped"), list(LIKE.items()))
def test_an_own_act_is_known_as_the_shipped_one_of_its_shape(own: str, shipped: str) -> None:
    own_acts()
    assert compared(own) == compared(shipped)
    assert compared("own_cut") != compared("sigmoid"), "the comparison can fail"


def heads(act: str) -> Iterator[Trace]:
    """Heads under each criterion, and pairs: what the rules of acts and outputs read."""
    for loss in ("cross_entropy", "bce_with_logits", "mse", "nll"):
        more: dict[str, Any] = {"target_min": -3.0, "target_max": 3.0}
        build = healthy(flat())
        build.facts = [
            replace(f, data={**f.data, "loss": loss, **more}) if f.kind == "criterion" else f
            for f in build.facts
            if f.kind != "head"
        ]
        yield build.fact("head", "head", layer="head", direct=True, acts=[{"act": act}]).trace()
    for pair in ((act, "sigmoid"), (act, "relu"), ("relu", act), ("log_sigmoid", act)):
        first, second = pair
        yield Build().loss(flat()).fact("act-pair", "a", first=first, second=second).trace()


def told(trace: Trace) -> list[tuple[str, str, Severity]]:
    codes = ("ACT103", "ACT202", "ACT203", "ACT204")
    results = [r for code in codes for r in RULES[code].check(trace)]
    return [(r.code, r.site, r.severity) for r in results if isinstance(r, Finding)]


@pytest.mark.parametrize(("own", "shipped"), list(LIKE.items()))
def test_every_rule_says_of_it_what_it_says_of_the_shipped_one(own: str, shipped: str) -> None:
    own_acts()
    mine, theirs = [[told(trace) for trace in heads(act)] for act in (own, shipped)]
    assert mine == theirs
    assert any(mine), "nothing was told of either"


def test_an_act_that_nothing_is_known_of_is_told_nothing_of() -> None:
    """The broken twin: without the traits on the site no rule finds anything."""
    traits = [told(trace) for trace in heads("own_unknown") if "own_unknown" not in acts()]
    assert not any(traits[:4])


class Net(nn.Module):
    """Two layers with an own act; `push` drives its units into the flat part."""

    def __init__(self, act: Any, push: float, scale: float = 1.0) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(8, 32), nn.Linear(32, 3)
        self.act = act
        with torch.no_grad():
            self.fc1.bias.fill_(push)
            self.fc1.weight.mul_(scale)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(x)))


def trained(act: Any, tmp_path: Path, push: float, scale: float = 1.0) -> tuple[Diagnosis, Trace]:
    torch.manual_seed(0)
    model = Net(act, push, scale)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    with relume.watch(model, path=tmp_path / "run.sqlite", every=1, budget=1.0) as run:
        for _ in range(80):
            x = torch.randn(128, 8)
            optimizer.zero_grad()
            functional.cross_entropy(model(x), torch.randint(3, (128,))).backward()
            optimizer.step()
    trace = run.trace()
    return diagnose(trace), trace


@pytest.mark.parametrize("which", ["own_cut", "relu"])
def test_an_own_act_that_rectifies_and_dies_is_named(which: str, tmp_path: Path) -> None:
    own_acts()
    diagnosis, trace = trained(find_act(which), tmp_path, -30.0)
    (site,) = trace.sites_of("act")
    assert (site.act, site.cuts, site.cheapest, site.init[0]) == (which, True, "relu", "he")
    dead = [f for f in diagnosis.findings if f.code in ("ACT303", "ACT401")]
    assert {f.site for f in dead} == {site.name}
    fixes = {edit.fix for f in dead for edit in ladder(f, diagnosis, trace)}
    assert {"margin-bias", "he-init", "swap-act"} <= fixes
    assert "xavier-init" not in fixes


@pytest.mark.parametrize("which", ["own_s", "tanh"])
def test_an_own_act_that_saturates_is_named(which: str, tmp_path: Path) -> None:
    own_acts()
    diagnosis, trace = trained(find_act(which), tmp_path, 0.0, scale=300.0)
    (site,) = trace.sites_of("act")
    assert (site.low, site.high, site.bounded, site.cheapest) == (-1.0, 1.0, True, "hardtanh")
    (flat_,) = [f for f in diagnosis.findings if f.code == "ACT501"]
    assert "Xavier" in flat_.cure
    fixes = {edit.fix for edit in ladder(flat_, diagnosis, trace)}
    assert "xavier-init" in fixes
    assert "he-init" not in fixes


def test_the_cheapest_act_of_like_shape_is_known_of_an_own_one() -> None:
    s, cut, gate = own_acts()
    assert [cheapest(act) for act in (s, cut, gate)] == ["hardtanh", "relu", "hardsigmoid"]
    assert init_for(Site.of_act("own_s", s.traits)) == "Xavier initialisation"


def test_limits_are_those_of_the_call(tmp_path: Path) -> None:
    """`hardtanh(-5, 5)` is recorded with its own limits, and ReLU6 with six."""
    for act, bounds in ((nn.Hardtanh(-5, 5), (-5.0, 5.0)), (nn.ReLU6(), (0.0, 6.0))):
        _, trace = trained(act, tmp_path / str(bounds[1]), 0.0)
        (site,) = trace.sites_of("act")
        assert ((site.low, site.high), site.clips) == (bounds, True)


def site(**traits: Any) -> Site:
    return Site("", "act", max_slope=traits.pop("max_slope", 1.0), **traits)


def test_a_sigmoid_harms_up_to_its_edges_of_slope_and_range() -> None:
    sigmoid = site(low=0.0, high=1.0, max_slope=SIGMOID_SLOPE)
    steeper = replace(sigmoid, max_slope=1.01 * SIGMOID_SLOPE)
    narrow, wide = (site(low=-size, high=size) for size in (NARROW, 1.01 * NARROW))
    assert [effect(narrow, s) for s in (sigmoid, steeper)] == ["harmful", ""]
    assert effect(wide, sigmoid) == ""


def test_a_limit_is_no_act_that_is_idle() -> None:
    """`clamp(p, 1e-7)` guards a logarithm; it is not called idle behind a sigmoid."""
    sigmoid, clamp = (Site.of_act(name, find_act(name).traits) for name in ("sigmoid", "clamp"))
    assert effect(sigmoid, clamp) == ""
    assert effect(sigmoid, replace(clamp, clips=False)) == "idle"


# --- files of older versions ----------------------------------------------------------------------


@pytest.mark.parametrize("act", list(BY_NAME))
def test_what_old_files_are_taken_for_is_true_of_the_act(act: str) -> None:
    known = dict(find_act(act).traits)
    for name, value in BY_NAME[act].items():
        if act == "clamp" and name != "clips":
            continue  # its limits are not known of an old file
        assert known[name] == (pytest.approx(value, abs=0.1) if name == "max_slope" else value)


def test_an_old_file_is_judged_as_it_was() -> None:
    body = {"kind": "act", "act": "leaky_relu", "smooth": False, "order": 3}
    site = Site.from_json({"name": "a", **with_traits("act", body)})
    assert (site.leaks, site.order, site.init) == (True, 3, ("he",))
    pair = with_traits("act-pair", {"first": "sigmoid", "second": "relu"})
    fact = Fact("act-pair", "a", 0, json.loads(json.dumps(pair)))
    trace = Trace({"looks_for": ["act-pair"]}, (site,), facts=(fact,))
    assert [code for code, *_ in told(trace)] == ["ACT103"]
    bare = replace(trace, facts=(Fact("act-pair", "a", 0, {"first": "sigmoid", "second": "relu"}),))
    assert told(bare) == [], "without what was known nothing is told: the test can fail"


def test_a_site_without_the_new_fields_is_read_with_open_ends() -> None:
    site = Site.from_json({"name": "a", "kind": "act", "act": "relu"})
    assert (site.low, site.high, site.init, site.bounded) == (-np.inf, np.inf, (), False)
    assert Site.from_json({"name": "a", "kind": "act", "low": None, "high": 1}).low == -np.inf
