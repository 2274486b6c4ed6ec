"""Wiring before any training, and the probes of `relume.check`: each with its twin."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import relume


class Model(nn.Module):
    """Two layers; `form` says what is wrong with them."""

    def __init__(self, form: str = "") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.form, self.body, self.head = form, nn.Linear(6, 8), nn.Linear(8, 2)
        self.extra = [nn.Linear(8, 8)] if form == "listed" else nn.ModuleList([nn.Linear(8, 8)])

    def forward(self, x: Tensor) -> Tensor:
        h = torch.tanh(self.body(x))
        if self.form == "cut":
            h = h.detach()
        if self.form == "mixed":
            h = h.view(8, len(x)).t()  # a transpose was meant
        if self.form == "remade":
            h = nn.Linear(8, 8)(h)
        out: Tensor = self.head(torch.tanh(self.extra[0](h)))
        return out.round() if self.form == "rounded" else out


def codes(form: str, *, probe: bool = False) -> set[str]:
    torch.manual_seed(1)
    x = torch.randn(16, 6)
    diagnosis = relume.check(
        Model(form), x, functional.cross_entropy, target=(x[:, 0] > 0).long(), probe=probe
    )
    return {f.code for f in diagnosis.findings if f.code.startswith("ACT9") and f.severity > 1}


@pytest.mark.parametrize(
    ("form", "code"), [("listed", "ACT903"), ("cut", "ACT904"), ("remade", "ACT905"), ("", None)]
)
def test_wiring_before_any_training(form: str, code: str | None) -> None:
    assert codes(form) == ({code} if code else set())


@pytest.mark.parametrize(("form", "code"), [("mixed", "ACT906"), ("rounded", "ACT912"), ("", None)])
def test_the_probes(form: str, code: str | None) -> None:
    found = codes(form, probe=True)
    assert found == set() if code is None else code in found


def test_probes_are_opt_in_and_change_nothing() -> None:
    assert not codes("mixed") & {"ACT906", "ACT912"}
    model = Model()
    before = [p.clone() for p in model.parameters()]
    state = torch.get_rng_state()
    x = torch.randn(16, 6, generator=torch.Generator().manual_seed(0))
    relume.check(model, x, functional.cross_entropy, target=torch.zeros(16).long(), probe=True)
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    assert all(p.grad is None for p in model.parameters())
    assert not model.body._forward_hooks


def test_batch_norm_and_dropout_mix_no_rows() -> None:
    def normalised() -> nn.Module:
        return nn.Sequential(
            nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 2)
        )

    make: Callable[[], nn.Module] = normalised
    diagnosis = relume.check(make(), torch.randn(16, 6), probe=True)
    assert not [f for f in diagnosis.findings if f.code == "ACT906"]
