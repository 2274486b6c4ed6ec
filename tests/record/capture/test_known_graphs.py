"""Records of a graph that is known: module hooks stay out, and whatever changes is noticed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

import relume
from relume.instrument import private_names

STEPS = 40
SWITCH = 30  # the step from which on the network is another one

pytestmark = pytest.mark.skipif(
    not private_names.SHOWS_PACKING, reason="this torch does not tell packed values"
)


class Net(nn.Module):
    """Two layers and an act, and at will something else in the place of the act."""

    def __init__(self, act: Callable[[Tensor], Tensor] = torch.tanh) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 3)
        self.act = act
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.region(x))

    def region(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.act(self.first(x))


def hooked() -> bool:
    """Whether entries of modules are being noted."""
    return bool(nn.modules.module._global_forward_pre_hooks)


def train(net: Net, at: Callable[[int], None], steps: int = STEPS) -> list[bool]:
    """Train, calling `at` before each step; where module hooks were in torch."""
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    noted: list[bool] = []
    for step in range(steps):
        at(step)
        noted.append(hooked())
        torch.manual_seed(step)
        optimizer.zero_grad()
        F.cross_entropy(net(torch.randn(8, 6)), torch.randint(0, 3, (8,))).backward()
        optimizer.step()
    return noted


def recorded(net: Net, path: Path, at: Callable[[int], None]) -> tuple[Any, list[bool]]:
    with relume.watch(net, every=1, path=path / "run.sqlite") as run:
        noted = train(net, at)
    assert not run.problems
    return run.trace(), noted


def steps_of(trace: Any, site: str) -> list[int]:
    series = trace.series(site, "flat_share_high")
    return [] if series is None else series.steps.tolist()


def nothing(step: int) -> None:
    pass


def test_hooks_stay_out_of_most_records_and_nothing_is_missed(tmp_path: Path) -> None:
    trace, noted = recorded(Net(), tmp_path, nothing)
    assert all(noted[:8])
    late = [step for step in range(16, STEPS) if noted[step]]
    assert late == [16, 24, 32]  # what every eighth record looks at anew
    site = next(site.name for site in trace.sites if site.kind == "act")
    assert steps_of(trace, site) == list(range(STEPS))
    assert trace.series(site, "grad_pre_rms").steps.tolist() == list(range(STEPS))


def test_another_graph_costs_one_record_of_its_acts(tmp_path: Path) -> None:
    net = Net()

    def switch(step: int) -> None:
        if step == SWITCH:
            net.act = lambda z: torch.sigmoid(z) * 2

    trace, noted = recorded(net, tmp_path, switch)
    assert not noted[SWITCH]
    assert noted[SWITCH + 1]
    by_act = {site.act: site.name for site in trace.sites if site.kind == "act"}
    assert steps_of(trace, by_act["tanh"]) == list(range(SWITCH))
    assert steps_of(trace, by_act["sigmoid"]) == list(range(SWITCH + 1, STEPS))
    weights = trace.series("first.weight", "update_ratio")
    assert weights.steps.tolist() == list(range(STEPS))


def test_a_region_checkpointed_in_the_middle_is_not_computed_again_for_us(tmp_path: Path) -> None:
    """Its nodes are those of before: only what they keep tells that it is packed."""

    def make() -> tuple[Net, Callable[[int], None]]:
        torch.manual_seed(0)
        net = Net()
        whole = net.region

        def packed(x: Tensor) -> Tensor:
            return checkpoint(whole, x, use_reentrant=False)

        def switch(step: int) -> None:
            if step >= SWITCH:
                net.region = packed  # type: ignore[method-assign]

        return net, switch

    net, switch = make()
    twin, switch_twin = make()
    _, noted = recorded(net, tmp_path, switch)
    train(twin, switch_twin)
    assert not noted[SWITCH]
    assert net.calls == twin.calls == STEPS + (STEPS - SWITCH)
    for one, two in zip(net.parameters(), twin.parameters(), strict=True):
        assert torch.equal(one, two)


def test_values_offloaded_in_the_middle_are_unpacked_by_backward_alone(tmp_path: Path) -> None:
    unpacked: list[int] = []

    def unpack(value: Tensor) -> Tensor:
        unpacked[-1] += 1
        return value

    def run(net: Net, watched: bool) -> list[int]:
        unpacked.clear()
        hooks: list[Any] = []

        def switch(step: int) -> None:
            unpacked.append(0)
            if step == SWITCH:
                hooks.append(torch.autograd.graph.saved_tensors_hooks(lambda t: t, unpack))
                hooks[0].__enter__()

        try:
            if watched:
                recorded(net, tmp_path, switch)
            else:
                train(net, switch)
        finally:
            hooks[0].__exit__()
        return list(unpacked)

    assert run(Net(), True) == run(Net(), False)


def test_an_act_module_in_the_place_of_its_twin_is_found_by_the_next_full_look(
    tmp_path: Path,
) -> None:
    net = Net()
    net.one, net.other = nn.Tanh(), nn.Tanh()
    net.act = net.one

    def switch(step: int) -> None:
        if step == SWITCH:
            net.act = net.other

    trace, _ = recorded(net, tmp_path, switch)
    before, after = (steps_of(trace, name) for name in ("one", "other"))
    assert sorted(before + after) == list(range(STEPS))
    assert after == list(range(32, STEPS))
