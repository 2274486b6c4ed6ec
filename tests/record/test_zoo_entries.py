"""Every entry of the zoo: the exact sites, what is said to be hidden, and no trace of recording."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.amp.grad_scaler import GradScaler
from torch.nn.modules import module as hooks
from torch.optim import optimizer as optim_hooks
from zoo_entries import ZOO, Entry, Training

import relume
from relume.core import Trace

STEPS = 12


def built(entry: Entry) -> Training:
    torch.manual_seed(0)
    random.seed(0)
    return entry.build()


def recorded(entry: Entry, path: Path, steps: int = STEPS, **options: Any) -> tuple[Any, Trace]:
    """Losses, weights and random state of a watched training, and what was recorded."""
    training = built(entry)
    torch.manual_seed(1)
    with relume.watch(*training.models, path=path, **{"every": 1, **options}) as run:
        losses = [training.step() for _ in range(steps)]
    assert run.problems == ()
    return state(losses, training), relume.load(path).trace()


def plain(entry: Entry, steps: int = STEPS) -> Any:
    training = built(entry)
    torch.manual_seed(1)
    return state([training.step() for _ in range(steps)], training)


def state(losses: list[float], training: Training) -> Any:
    weights = [p.detach().clone() for model in training.models for p in model.parameters()]
    buffers = [b.detach().clone() for model in training.models for b in model.buffers()]
    return losses, [t.numpy().tobytes() for t in weights + buffers], torch.get_rng_state().tolist()


def left_in_torch() -> list[str]:
    """Everything that recording may put into torch, as far as it is there now."""
    tables = {
        "forward pre": hooks._global_forward_pre_hooks,
        "forward": hooks._global_forward_hooks,
        "optimizer pre": optim_hooks._global_optimizer_pre_hooks,
        "optimizer post": optim_hooks._global_optimizer_post_hooks,
        "function modes": torch._C._len_torch_function_stack() * [1],
        "anomaly": [1] * torch.is_anomaly_enabled(),
    }
    for owner, name in (
        (torch.autograd, "backward"),
        (GradScaler, "scale"),
        (GradScaler, "update"),
    ):
        tables[name] = [1] * hasattr(getattr(owner, name), "__wrapped__")
    return [name for name, table in tables.items() if table]


@pytest.mark.parametrize("name", ZOO)
def test_sites_and_what_is_hidden(name: str, tmp_path: Path) -> None:
    entry = ZOO[name]
    _, trace = recorded(entry, tmp_path / "run.sqlite")
    acts = [site for site in trace.sites if site.kind == "act"]
    assert [(s.name, s.act, s.layer, s.role) for s in acts] == entry.sites
    hidden = {(fact.site, fact.data["operation"]) for fact in trace.facts_of("opaque")}
    assert hidden == set(entry.opaque)
    for site in acts:
        if entry.lines:
            assert site.line, site
            assert Path(site.file).name == "zoo_entries.py" or "torch" in site.file
        if site.act != "softmax":  # which has no slope of one element
            assert len(trace.series(site.name, "zero_slope_share").values) >= STEPS - 2, site
    assert left_in_torch() == []


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("options", [{"every": 1}, {"budget": 0.01}], ids=["every step", "budget"])
def test_no_bit_is_changed(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    if name == "torch.compile" and options == {"every": 1}:
        options = {**options, "exact": True}  # recorded steps run eagerly, which may round apart
    entry = ZOO[name]
    watched, _ = recorded(entry, tmp_path / "run.sqlite", **options)
    assert watched == plain(entry)


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_no_bit_is_changed_over_200_steps(name: str, tmp_path: Path) -> None:
    entry = ZOO[name]
    exact = {"exact": True} if name == "torch.compile" else {}
    watched, _ = recorded(entry, tmp_path / "run.sqlite", 200, **exact)
    assert watched == plain(entry, 200)
