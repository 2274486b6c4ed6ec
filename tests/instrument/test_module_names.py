"""A recording and an edit give the same module the same name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from relume.core.trial import Edit
from relume.fixes.apply import applied
from relume.fixes.live.model_names import LiveModels
from relume.instrument.module_names import holder_of, plain_path, unwrap
from relume.record.run import begin


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.act, self.two = nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.act(self.one(x)))


class Whole(nn.Module):
    """Calls its part in a method of its own, as an integrated trainer does."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Net()

    def loss(self, x: Tensor) -> Tensor:
        return self.net(x).square().mean()


class Trainer:
    """Holds a model in an attribute."""

    def __init__(self) -> None:
        self.model = Net()

    def loss(self, x: Tensor) -> Tensor:
        return self.model(x).square().mean()


def method(x: Tensor) -> tuple[list[object], Tensor]:
    whole, other = Whole(), Net()
    return [whole, other], whole.loss(x) + other(x).mean()


def attribute(x: Tensor) -> tuple[list[object], Tensor]:
    trainer, other = Trainer(), Net()
    return [trainer, other], trainer.loss(x) + other(x).mean()


def unnamed(x: Tensor) -> tuple[list[object], Tensor]:
    models, other = [Net()], Net()
    return [*models, other], models[0](x).mean() + other(x).mean()


def wrapped(x: Tensor) -> tuple[list[object], Tensor]:
    parallel, other = nn.DataParallel(Net()), Net()
    return [parallel, other], parallel(x).mean() + other(x).mean()


FORMS: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "a method of a module": (method, "whole.net.act"),
    "an attribute of a trainer": (attribute, "model.act"),
    "in no variable": (unnamed, "net.act"),
    "wrapped": (wrapped, "parallel.act"),
}


def x() -> Tensor:
    return torch.randn(7, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("form", FORMS)
def test_an_edit_finds_the_site_that_is_recorded(form: str, tmp_path: Path) -> None:
    train, name = FORMS[form]
    about: dict[str, Any] = {"script": "", "argv": []}
    with begin(tmp_path / "run.sqlite", (), budget=1.0, every=1, about=about) as run:
        kept, loss = train(x())  # the models live until the step ends
        loss.backward()
        torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1).step()
    assert len(kept) == 2
    sites = [site.name for site in run.trace().sites_of("act")]
    assert sites == [name, "other.act"]
    for site in sites:
        with applied([Edit("swap-act", {"act": "tanh", "init": "keep"}, (site,))]) as session:
            train(x())
        assert session.done == ["1 relu replaced by tanh"], (site, session.missed)
    with applied([Edit("swap-act", {"act": "tanh", "init": "keep"}, ("third.act",))]) as session:
        train(x())
    assert session.done == []  # the broken twin: a model that is not there


def test_parts_are_found_under_their_recorded_names() -> None:
    parallel = nn.DataParallel(nn.Sequential(Net(), nn.Linear(2, 1)))
    model = LiveModels().model_of(parallel.module[0])
    assert model is not None
    assert (model.root, model.name) == (parallel.module, "parallel")
    assert model.module("parallel.0.one") is parallel.module[0].one
    assert model.module("0.one") is parallel.module[0].one
    assert model.module("other.0.one") is None
    assert unwrap(parallel) is parallel.module
    assert holder_of(parallel.module[0]) == (parallel, "parallel")


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        ("layer._orig_mod.act", "layer.act"),
        ("_fsdp_wrapped_module.0._checkpoint_wrapped_module.fc", "0.fc"),
        ("_torch_params.dense/kernel", "dense.kernel"),
        ("orig_mod.module.fc", "orig_mod.module.fc"),
    ],
)
def test_wrappers_are_no_part_of_a_name(path: str, plain: str) -> None:
    assert plain_path(path) == plain


def test_wrappers_are_named_as_torch_names_them() -> None:
    """The names in torch itself, where the installed torch has these wrappers."""
    checkpoint: Any = pytest.importorskip(
        "torch.distributed.algorithms._checkpoint.checkpoint_wrapper"
    )
    sharded: Any = pytest.importorskip("torch.distributed.fsdp._common_utils")
    assert plain_path(f"a.{checkpoint._CHECKPOINT_WRAPPED_MODULE}.b") == "a.b"
    assert plain_path(f"a.{sharded.FSDP_WRAPPED_MODULE}.b") == "a.b"
