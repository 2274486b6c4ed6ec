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


class Crossed(nn.Module):
    """Every row's output gets a part of one row of its batch."""

    def __init__(self, giver: int) -> None:
        super().__init__()
        self.giver, self.head = giver, nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(x + 0.5 * x[self.giver : self.giver + 1])
        return out


class Read(nn.Module):
    """A recurrent layer and a head, on the last step of the second axis or on all."""

    def __init__(self, *, batch_first: bool, every: bool = False) -> None:
        super().__init__()
        self.every = every
        self.rnn, self.head = nn.LSTM(6, 8, batch_first=batch_first), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.rnn(x)[0]
        out: Tensor = self.head(h if self.every else h[:, -1])
        return out


def mixes(model: nn.Module, batch: object) -> list[str]:
    diagnosis = relume.check(model, batch, probe=True)
    return [f.site for f in diagnosis.findings if f.code == "ACT906"]


@pytest.mark.parametrize("giver", [0, 8, 15])
def test_each_of_three_rows_is_changed(giver: int) -> None:
    assert mixes(Crossed(giver), torch.randn(16, 6))


def test_a_recurrent_layer_that_takes_rows_for_time() -> None:
    assert mixes(Read(batch_first=False), torch.randn(16, 9, 6)) == ["rnn"]
    assert not mixes(Read(batch_first=True), torch.randn(16, 9, 6))


def test_time_first_is_no_mixing() -> None:
    """(time, batch, features) in and out: rows lie on the second axis, by torch's default."""
    assert not mixes(Read(batch_first=False, every=True), torch.randn(9, 16, 6))


def test_named_arguments_are_changed_too() -> None:
    assert mixes(Crossed(0), {"x": torch.randn(16, 6)})


def test_rows_of_whole_numbers_are_changed_to_others() -> None:
    class Words(nn.Module):
        def __init__(self, *, first: bool) -> None:
            super().__init__()
            self.embed, self.read = nn.Embedding(9, 6), Read(batch_first=first)

        def forward(self, ids: Tensor) -> Tensor:
            out: Tensor = self.read(self.embed(ids))
            return out

    ids = torch.randint(9, (16, 7))
    ids[0] = ids[1]  # its neighbour is no other row
    assert mixes(Words(first=False), ids)
    assert not mixes(Words(first=True), ids)
