"""Records of a graph that is known: whatever changes about it is noticed at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

import relume
from relume.record.capture.graph_reader import GraphReader
from relume.record.capture.step_record import StepRecord

STEPS = 40
SWITCH = 30  # the step from which on the network is another one


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


def train(net: Net, at: Callable[[int], None], steps: int = STEPS) -> None:
    """Train, calling `at` before each step."""
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    for step in range(steps):
        at(step)
        torch.manual_seed(step)
        optimizer.zero_grad()
        F.cross_entropy(net(torch.randn(8, 6)), torch.randint(0, 3, (8,))).backward()
        optimizer.step()


def recorded(net: Net, path: Path, at: Callable[[int], None]) -> Any:
    with relume.watch(net, every=1, path=path / "run.sqlite") as run:
        train(net, at)
    assert not run.problems
    return run.trace()


def steps_of(trace: Any, site: str) -> list[int]:
    series = trace.series(site, "flat_share_high")
    return [] if series is None else series.steps.tolist()


def nothing(step: int) -> None:
    pass


def test_another_graph_is_read_at_once(tmp_path: Path) -> None:
    net = Net()

    def switch(step: int) -> None:
        if step == SWITCH:
            net.act = lambda z: torch.sigmoid(z) * 2

    trace = recorded(net, tmp_path, switch)
    by_act = {site.act: site.name for site in trace.sites if site.kind == "act"}
    assert steps_of(trace, by_act["tanh"]) == list(range(SWITCH))
    assert steps_of(trace, by_act["sigmoid"]) == list(range(SWITCH, STEPS))
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
    recorded(net, tmp_path, switch)
    train(twin, switch_twin)
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


def test_an_act_module_in_the_place_of_its_twin_is_found_at_once(tmp_path: Path) -> None:
    net = Net()
    net.one, net.other = nn.Tanh(), nn.Tanh()
    net.act = net.one

    def switch(step: int) -> None:
        if step == SWITCH:
            net.act = net.other

    trace = recorded(net, tmp_path, switch)
    before, after = (steps_of(trace, name) for name in ("one", "other"))
    assert sorted(before + after) == list(range(STEPS))
    assert after == list(range(SWITCH, STEPS))


def by_a_mask(z: Tensor) -> Tensor:
    return z * (z > 0)


def softsign(z: Tensor) -> Tensor:
    return z / (1 + z.abs())


def exponential(z: Tensor) -> Tensor:
    return 1 - (-z).exp()


@pytest.mark.parametrize("act", [by_a_mask, softsign, exponential])
def test_acts_by_hand_are_read_from_the_cache_too(
    act: Callable[[Tensor], Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same numbers as where every graph is read in full, from fewer full readings."""
    full: list[int] = []
    read = GraphReader._read_in_full

    def counted(reader: GraphReader, record: StepRecord, *rest: Any) -> Any:
        full.append(record.phase)
        return read(reader, record, *rest)

    monkeypatch.setattr(GraphReader, "_read_in_full", counted)

    def values(folder: Path) -> dict[str, Any]:
        folder.mkdir()
        torch.manual_seed(0)
        trace = recorded(Net(act), folder, nothing)
        (site,) = trace.sites_of("act")
        rows = trace.table.items()
        return {stat: each.values.tolist() for (name, stat), each in rows if name == site.name}

    cached = values(tmp_path / "cached")
    assert len(full) < 16
    assert [phase for phase in full if phase > 8] == [16, 24, 32]
    monkeypatch.setattr("relume.record.capture.graph_reader.cached_graph", lambda *_: None)
    assert values(tmp_path / "full") == cached
    assert len(cached["zero_slope_share"]) == STEPS
