"""Edits under the conditions of real scripts: forms of calls, optimisers, copies, two models."""

import copy
import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from broken import Net, classes
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

import relume
from relume.core.trial import Edit
from relume.errors import UnknownNameError
from relume.fixes.apply import applied

GELU = Edit("swap-act", {"act": "gelu", "init": "keep"})


class Called(nn.Module):
    """A hidden layer whose act is a function."""

    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(6, 5), nn.Linear(5, 2)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        z = self.one(x)
        return self.two(self.act(z))


def in_place_statement(z: Tensor) -> Tensor:
    z.relu_()
    return z


FORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "F.relu": F.relu,
    "F.relu(inplace=True)": lambda z: F.relu(z, inplace=True),
    "F.relu(z, True)": lambda z: F.relu(z, True),
    "F.relu_": F.relu_,
    "torch.relu": torch.relu,
    "torch.relu_": torch.relu_,
    "z.relu()": lambda z: z.relu(),
    "z.relu_()": in_place_statement,
    "z.clamp(min=0)": lambda z: z.clamp(min=0),
    "nn.ReLU": nn.ReLU(),
    "nn.ReLU(inplace)": nn.ReLU(inplace=True),
    "F.leaky_relu": lambda z: F.leaky_relu(z, 0.2),
    "torch.sigmoid": torch.sigmoid,
}


def x(rows: int = 7, size: int = 6) -> Tensor:
    return torch.randn(rows, size, generator=torch.Generator().manual_seed(rows))


@pytest.mark.parametrize("form", FORMS)
def test_an_act_is_swapped_however_it_is_called(form: str) -> None:
    model = Called(FORMS[form])
    mended = copy.deepcopy(model)
    mended.act = nn.GELU() if isinstance(model.act, nn.Module) else F.gelu
    expected = mended(x())
    expected.sum().backward()
    with applied([GELU]) as session:
        found = model(x())
        found.sum().backward()
    assert torch.allclose(found, expected, atol=1e-6)
    assert torch.allclose(model.one.weight.grad, mended.one.weight.grad, atol=1e-6)
    assert session.done[0].endswith("replaced by gelu"), (session.done, session.missed)


class Conv(nn.Module):
    """Two hidden layers of which one is a convolution, one act a call."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv1d(1, 64, 3, padding=1), nn.Linear(64 * 6, 128)
        self.act, self.head = nn.ReLU(), nn.Linear(128, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.one(x[:, None])).flatten(1)
        return self.head(F.relu(self.two(x)))


def by_pieces(model: Conv, z: Tensor) -> Tensor:
    """What the model computes if each unit is the larger of its layer's output and its piece's."""
    for layer in (model.one, model.two):
        twin = copy.deepcopy(layer)
        twin._forward_hooks.clear()
        piece = twin._modules.pop("relume_piece", None) or twin
        z = (
            torch.maximum(twin(z[:, None]), piece(z[:, None]))
            if layer is model.one
            else (torch.maximum(twin(z.flatten(1)), piece(z.flatten(1))))
        )
    return model.head(z)


@pytest.mark.parametrize(("act", "right"), [("maxout", True), ("leaky_relu", False)])
def test_maxout_is_the_larger_of_two_pieces_and_is_trained_as_such(act: str, right: bool) -> None:
    """As many units as before, twice the parameters, both pieces drawn at maxout's gain of 1."""
    model = Conv()
    before = sum(p.numel() for p in model.parameters())
    hidden = sum(p.numel() for m in (model.one, model.two) for p in m.parameters())
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    with applied([Edit("swap-act", {"act": act, "init": "match"})]) as session:
        out = model(x())
        drawn = {name: p.detach().clone() for name, p in model.named_parameters()}
        assert torch.allclose(out, by_pieces(model, x()), atol=1e-6) is right
        out.square().sum().backward()
        optimiser.step()
        given = [p for group in optimiser.param_groups for p in group["params"]]
        moved = {name: p.detach().clone() for name, p in model.named_parameters()}
    assert out.shape == (7, 3)
    assert (sum(p.numel() for p in given) == before + hidden) is right
    assert sum(p.numel() for p in model.parameters()) == before  # taken back
    assert not session.missed
    if not right:
        return
    assert session.done == ["2 relu replaced by maxout, 4 layers drawn anew"]
    for name, fan_in in (("one", 3), ("two", 64 * 6)):
        first, second = drawn[f"{name}.weight"], drawn[f"{name}.relume_piece.weight"]
        assert first.shape == second.shape
        assert abs(float((first * second).mean() / first.var())) < 0.3  # drawn apart
        for key in (f"{name}.weight", f"{name}.relume_piece.weight"):
            assert float(drawn[key].std() * fan_in**0.5) == pytest.approx(1.0, rel=0.2)
            assert not drawn[key.replace("weight", "bias")].any()
            assert not torch.equal(moved[key], drawn[key])


@pytest.mark.parametrize("act", ["maxout", "glu", "swiglu"])
def test_units_of_two_pieces_can_have_no_parameter_more(act: str) -> None:
    """Half the units, each of two of the layer's outputs; the next layer reads each twice."""
    model = Conv()
    before = sum(p.numel() for p in model.parameters())
    with applied([Edit("swap-act", {"act": act, "units": "half"})]) as session:
        out = model(x())
        assert sum(p.numel() for p in model.parameters()) == before
        z = x()[:, None]
        for layer in (model.one, model.two):
            flat = layer is model.two
            z = F.linear(z.flatten(1), layer.weight, layer.bias) if flat else z
            z = z if flat else F.conv1d(z, layer.weight, layer.bias, padding=1)
            a, b = z.chunk(2, 1)
            unit = {"maxout": torch.maximum(a, b), "glu": a * b.sigmoid(), "swiglu": a * F.silu(b)}
            z = torch.cat((unit[act], unit[act]), 1)
        assert torch.allclose(out, model.head(z), atol=1e-5)
    assert not session.missed


class Everything(nn.Module):
    """An attention, a gate, a residual branch and an act after the head."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(6, 6) for _ in range(3))
        self.gate, self.up, self.down = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        weights = F.softmax(self.q(x) @ self.k(x).transpose(-1, -2), dim=-1)
        x = x + weights @ self.v(x)
        x = x + self.down(F.relu(torch.sigmoid(self.gate(x)) * self.up(x)))
        return torch.tanh(self.head(x))


def test_only_hidden_acts_are_swapped() -> None:
    model = Everything()
    model(x()).sum().backward()
    with applied([GELU]) as session:
        model(x()).sum().backward()
    assert session.done == ["1 relu replaced by gelu"]


def test_a_transformer_layer_is_swapped_in_training_and_evaluation() -> None:
    model = nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True))
    mended = copy.deepcopy(model)
    mended[0].activation = F.gelu
    mended[0].activation_relu_or_gelu = 2
    with applied([GELU]) as session:
        found = [model(x(4, 8)[None])]
        model.eval()
        with torch.no_grad():
            found.append(model(x(4, 8)[None]))
    assert torch.allclose(found[0], mended(x(4, 8)[None]), atol=1e-6)
    assert torch.allclose(found[1], found[0], atol=1e-6)
    assert session.done == ["1 relu replaced by gelu"]


def test_one_call_of_a_module_that_is_called_twice() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.three = (nn.Linear(6, 6) for _ in range(3))
            self.act = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            return self.three(self.act(self.two(self.act(self.one(x)))))

    model = Twice()
    with applied([Edit("swap-act", {"act": "tanh", "init": "keep"}, ("act#2",))]) as session:
        found = model(x())
    expected = model.three(torch.tanh(model.two(torch.relu(model.one(x())))))
    assert torch.allclose(found, expected)
    assert session.done == ["1 relu replaced by tanh"]


def test_of_two_models_the_named_one() -> None:
    first, second = Net(), Net()
    second.load_state_dict(first.state_dict())
    plain = first(x(5, 12)).detach()
    edit = Edit("swap-act", {"act": "tanh", "init": "keep"}, ("second.act1", "second.relu()"))
    with applied([edit]) as session:
        assert torch.equal(first(x(5, 12)), plain)
        assert not torch.allclose(second(x(5, 12)), plain, atol=1e-2)
    assert session.done == ["2 relu replaced by tanh"]


def test_copies_of_a_treated_model_are_treated() -> None:
    """An average of the weights is kept in a copy that was made before, or in the middle."""
    for edit in (GELU, Edit("swap-act", {"act": "swish"}), Edit("insert-norm")):
        model = Net()
        early = copy.deepcopy(model)
        with applied([edit]):
            out = model(x(5, 12))
            late = copy.deepcopy(model)
            assert torch.equal(late(x(5, 12)), out)
            assert list(late.state_dict()) == list(model.state_dict())
            if edit is GELU:
                assert torch.equal(early(x(5, 12)), out)
            with torch.no_grad():  # a copy's part is its own
                for p in late.parameters():
                    p.zero_()
            assert torch.equal(model(x(5, 12)), out)


def trained(model: nn.Module, optimiser: Any, steps: int = 2, scheduler: Any = None) -> None:
    data = torch.Generator().manual_seed(0)
    for _ in range(steps):
        inputs, labels = classes(data)
        optimiser.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        optimiser.step()
        if scheduler is not None:
            scheduler.step()


@pytest.mark.parametrize("when", ["before", "after"])
def test_learned_parameters_are_trained_like_their_layer(when: str) -> None:
    """Whenever the optimiser is made, and under a schedule that counts groups."""
    with applied([Edit("swap-act", {"act": "prelu"})]):
        model = Net()
        if when == "after":
            model(x(5, 12))
        groups = [
            {"params": [p for n, p in model.named_parameters() if "fc1" in n], "lr": 0.5},
            {"params": [p for n, p in model.named_parameters() if "fc1" not in n], "lr": 0.25},
        ]
        optimiser = torch.optim.SGD(groups)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 / (step + 1))
        trained(model, optimiser, scheduler=scheduler)
        slopes = {n: p for n, p in model.named_parameters() if "act1" in n or "prelu" in n}
        assert len(slopes) == 2
        assert all(float(p.detach()) != 0.25 for p in slopes.values())
        if when == "before":
            held = {id(p): group for group in optimiser.param_groups for p in group["params"]}
            assert held[id(slopes["act1.weight"])] is optimiser.param_groups[0]
    every = {id(p) for p in model.parameters()}
    own = [p for group in optimiser.param_groups for p in group["params"] if id(p) not in every]
    assert when == "after" or own == []


def test_rates_survive_a_step_that_fails() -> None:
    class Fails(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            raise ArithmeticError("theirs")

    model = Net()
    optimiser = Fails(model.parameters(), lr=1.0)
    with applied([Edit("lower-learning-rate", {"factor": 0.1})]):
        with pytest.raises(ArithmeticError, match="theirs"):
            trained(model, optimiser)
        with pytest.raises(ArithmeticError):
            trained(model, optimiser)
    assert optimiser.param_groups[0]["lr"] == 1.0


def test_the_script_may_set_its_rate_itself() -> None:
    model = nn.Linear(1, 1, bias=False)
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
    with applied([Edit("lower-learning-rate", {"factor": 0.1})]):
        for rate in (1.0, 3.0):
            optimiser.param_groups[0]["lr"] = rate
            before = model.weight.detach().clone()
            optimiser.zero_grad()
            model(torch.ones(1, 1)).sum().backward()
            optimiser.step()
            assert float((before - model.weight).detach()) == pytest.approx(0.1 * rate)
            assert optimiser.param_groups[0]["lr"] == rate


def test_a_closure_is_clipped_after_its_backward() -> None:
    model = nn.Linear(1, 1, bias=False)
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0)

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = 100 * model(torch.ones(1, 1)).sum()
        loss.backward()
        return loss

    before = model.weight.detach().clone()
    with applied([Edit("clip-gradient", {"norm": 0.5})]) as session:
        loss = optimiser.step(closure)
    assert float(loss.detach()) == pytest.approx(100 * float(before))
    assert float((before - model.weight).detach()) == pytest.approx(0.5, rel=1e-4)
    assert session.done == ["gradient clipped to a norm of 0.5 on 1 optimiser"]


def test_a_scaled_gradient_is_clipped_after_it_is_unscaled() -> None:
    model = nn.Linear(1, 1, bias=False)
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    before = model.weight.detach().clone()
    with applied([Edit("clip-gradient", {"norm": 5.0})]):
        scaler.scale(2 * model(torch.ones(1, 1)).sum()).backward()
        scaler.step(optimiser)
        scaler.update()
    assert float((before - model.weight).detach()) == pytest.approx(2.0)


def test_what_must_not_be_drawn_anew_is_not() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(9, 6)
            self.plain, self.frozen = nn.Linear(6, 6), nn.Linear(6, 6)
            self.normed, self.norm = nn.Linear(6, 6), nn.LayerNorm(6)
            self.spectral = nn.utils.parametrizations.spectral_norm(nn.Linear(6, 6))
            self.branch, self.tied = nn.Linear(6, 6), nn.Linear(6, 9, bias=False)
            self.tied.weight = self.embed.weight
            self.frozen.requires_grad_(False)

        def forward(self, tokens: Tensor) -> Tensor:
            x = F.relu(self.plain(self.embed(tokens)))
            x = F.relu(self.norm(self.normed(F.relu(self.frozen(x)))))
            x = F.relu(self.spectral(x))
            return self.tied(F.relu(x + self.branch(x)))

    model = Odd()
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    buffers = {n: b.clone() for n, b in model.named_buffers()}
    with applied([Edit("matching-init")]) as session:
        model.register_forward_hook(lambda *_: None)
        torch.manual_seed(0)
        model(torch.arange(9)[None])
        drawn = torch.rand(())
    changed = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    assert changed == {"plain.weight", "plain.bias"}
    for reason in ("shared", "frozen", "norm layer", "made from others", "other signals join"):
        assert any(reason in note for note in session.notes), reason
    assert session.done == ["matching init (1 layer drawn anew)"]
    torch.manual_seed(0)
    assert torch.equal(torch.rand(()), drawn)
    # one forward of the user's own has moved the power iteration, not two
    twin = Odd()
    twin.load_state_dict({**model.state_dict(), **before, **buffers}, strict=False)
    twin(torch.arange(9)[None])


def test_buffers_see_one_forward_only() -> None:
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2))
    twin = copy.deepcopy(model)
    with applied([Edit("zero-bias", {}, ("3",))]):
        model(x()).sum().backward()
    twin(x())
    assert int(model[1].num_batches_tracked) == 1
    assert torch.equal(model[1].running_mean, twin[1].running_mean)


def test_convolutions_are_treated_by_channel() -> None:
    class Conv(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.fc = nn.Conv2d(2, 4, 3), nn.Linear(4 * 4 * 4, 3)
            with torch.no_grad():
                self.conv.bias[:2] = -50.0

        def forward(self, x: Tensor) -> Tensor:
            return self.fc(F.relu(self.conv(x)).flatten(1))

    def run(*edits: Edit) -> tuple[Conv, Any, list[Tensor]]:
        torch.manual_seed(0)
        model, outs = Conv(), list[Tensor]()
        optimiser = torch.optim.SGD(model.parameters(), lr=1e-3)
        with applied(edits) as session:
            for _ in range(26):
                optimiser.zero_grad()
                out = model(torch.randn(16, 2, 6, 6) * torch.tensor([9.0, 0.1])[:, None, None] + 3)
                outs.append(out.detach())
                out.square().mean().backward()
                optimiser.step()
        return model, session, outs

    _, _, base = run()
    model, session, outs = run(Edit("recycle-dead-units"))
    assert session.done == ["recycle dead units (2 dead units recycled)"]
    assert torch.equal(outs[24], base[24])
    assert torch.allclose(outs[25], base[25], atol=1e-4)  # recycled: the same function
    assert bool((model.conv.bias[:2].abs() < 1).all())
    folded = run(Edit("fold-input-mean"))
    assert torch.allclose(folded[2][0], base[0], atol=1e-4)
    assert "folded" in folded[1].done[0]
    both = run(Edit("insert-norm"), Edit("standardise-inputs"))[1]
    assert both.done[0] == "insert norm (1 norm layer inserted)"
    assert both.done[1] == "standardise inputs (1 input standardised)"


def test_checkpointed_parts_are_computed_alike_twice() -> None:
    class Part(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(6, 6)

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.fc(x))

    class Whole(nn.Module):
        def __init__(self, spare: bool) -> None:
            super().__init__()
            self.part, self.head, self.spare = Part(), nn.Linear(6, 2), spare

        def forward(self, x: Tensor) -> Tensor:
            x = checkpoint(self.part, x, use_reentrant=False) if self.spare else self.part(x)
            return self.head(x)

    spared, plain = Whole(True), Whole(False)
    plain.load_state_dict(spared.state_dict())
    with applied([GELU]):
        for model in (spared, plain):
            model(x()).sum().backward()
    assert torch.allclose(spared.part.fc.weight.grad, plain.part.fc.weight.grad)


def test_a_compiled_model_runs_eagerly_while_edits_are_laid() -> None:
    model = Called(F.relu)
    with applied([GELU]) as session:
        compiled = torch.compile(model, backend="eager")
        found = compiled(x())
        found.sum().backward()
    expected = model.two(F.gelu(model.one(x())))
    assert torch.allclose(found, expected, atol=1e-6)
    assert session.done == ["1 relu replaced by gelu"]
    assert torch.allclose(compiled(x()), model.two(F.relu(model.one(x()))), atol=1e-6)


def test_a_recorder_sees_the_treated_run_and_not_the_bench(tmp_path: Path) -> None:
    model = Net()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    edits = [GELU, Edit("rescale-init"), Edit("recycle-dead-units")]
    edits += [Edit("logits-to-criterion"), Edit("lower-learning-rate", {"factor": 0.5})]
    with applied(edits), relume.watch(model, every=1, path=tmp_path / "run.sqlite") as run:
        trained(model, optimiser, steps=6)
    trace = run.trace()
    assert [site.act for site in trace.sites_of("act")] == ["gelu", "gelu"]
    assert run.problems == ()
    assert trace.meta["steps"] == 6
    rates = trace.series("", "learning_rate")
    assert rates is not None
    assert set(rates.values) == {0.05}  # what the steps were taken with


def test_benches_may_be_nested_and_come_apart() -> None:
    call = nn.Module.__call__
    with applied([GELU]) as outer, applied([Edit("lower-learning-rate", {"factor": 0.1})]) as inner:
        model = Net()
        trained(model, torch.optim.SGD(model.parameters(), lr=0.1))
    assert outer.done == ["2 relu replaced by gelu"]
    assert inner.done == ["learning rate times 0.1 on 1 optimiser"]
    assert nn.Module.__call__ is call


def test_a_fix_that_does_not_exist_is_refused_at_once() -> None:
    with (
        pytest.raises(UnknownNameError, match="did you mean 'lower-learning-rate'"),
        applied([Edit("lower-learning-rates")]),
    ):
        raise AssertionError


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (
            Edit("swap-act", {"act": "glu"}),
            "swap act: failed, UsageError: glu is no act of one unit",
        ),
        (Edit("swap-act", {"act": "reluu"}), "did you mean 'relu'"),
        (Edit("swap-act", {"act": "relu"}), "is relu already"),
        (Edit("swap-act", {"act": "gelu"}, ("nowhere",)), "no model with such acts was called"),
        (Edit("lower-weight-decay"), "the optimiser has no weight_decay to change"),
        (Edit("adaptive-optimiser"), "no SGD took a step"),
        (Edit("add-residual-connections"), "it is advice, and nothing lays it"),
    ],
)
def test_what_finds_nothing_says_so(edit: Edit, said: str) -> None:
    model = Net()
    with applied([edit]) as session:
        trained(model, torch.optim.Adam(model.parameters()))
    assert session.done == []
    assert said in session.missed[0]


def test_models_are_not_kept_alive() -> None:
    with applied([Edit("matching-init"), Edit("recycle-dead-units")]):
        model = Net()
        trained(model, torch.optim.SGD(model.parameters(), lr=0.1))
        gone = weakref.ref(model)
        del model
        gc.collect()
        assert gone() is None
