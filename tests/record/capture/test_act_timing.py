"""What acts cost: by whom it is timed, at which shapes, and that it changes nothing."""

from pathlib import Path

import pytest
import torch
from torch import nn

import relume
from relume.acts.act import find_act
from relume.record.capture import act_timing
from relume.record.capture.act_timing import act_costs
from relume.record.sites.sites import SiteState


def plan(name: str, act: str, shape: tuple[int, ...]) -> SiteState:
    return SiteState(relume.core.Site(name, "act", act=act), act=find_act(act), shape=shape)


def test_each_site_is_told_against_the_cheapest_of_like_shape() -> None:
    plans = [plan("a", "gelu", (64, 32)), plan("b", "gelu", (64, 32)), plan("c", "tanh", (8, 8))]
    plans += [
        plan("d", "relu", (8, 8)),
        SiteState(relume.core.Site("e", "act"), act=find_act("gelu")),
    ]
    facts = {fact.site: fact for fact in act_costs(plans, 7, 100.0)}
    assert set(facts) == {"a", "b", "c"}  # ReLU is the cheapest; of `e` no shape was seen
    assert facts["a"].data == facts["b"].data
    assert facts["a"].data["cheapest"] == "relu"
    assert facts["c"].data["cheapest"] == "hardtanh"
    assert all(fact.data["seconds"] > 0 for fact in facts.values())
    assert facts["c"].data["shape"] == [8, 8]
    assert facts["c"].step == 7


def test_what_would_take_too_much_memory_is_left_out() -> None:
    assert not list(act_costs([plan("a", "gelu", (act_timing.LARGEST + 1,))], 0, 100.0))


def test_no_random_number_is_drawn() -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    assert list(act_costs([plan("a", "silu", (16, 16))], 0, 0.0))
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_type_and_shape_of_an_act_are_told(tmp_path: Path, dtype: torch.dtype) -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1)).to(dtype)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with relume.watch(model, every=1, path=tmp_path / "run.sqlite") as run:
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.ones(5, 6, dtype=dtype)).square().mean().backward()
            optimizer.step()
    (fact,) = run.trace().facts_of("precision")
    assert fact.data == {"dtype": str(dtype).removeprefix("torch."), "shape": [5, 8]}
    assert not run.trace().facts_of("act-cost")  # only `relume run` times
