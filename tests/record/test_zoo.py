"""The forms in which people write acts, and the sites that each must give."""

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import relume
from relume.core import Trace
from relume.record import store


class Functional(nn.Module):
    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.fc1, self.fc2, self.act = nn.Linear(6, 8), nn.Linear(8, 3), act

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(x)))


class Reused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.c(self.act(self.b(self.act(self.a(x)))))


class Custom(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


class Recurrent(nn.Module):
    def __init__(self, cell: Callable[..., nn.Module]) -> None:
        super().__init__()
        self.cell, self.out = cell(2, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.cell(x.reshape(-1, 3, 2))[0][:, -1])


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(6, 2, 12, batch_first=True, activation="gelu")
        self.out = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.layer(x[:, None].expand(-1, 4, -1)).mean(1))


class Image(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 2), nn.BatchNorm2d(4)
        self.fc = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.relu_(self.norm(self.conv(x.reshape(-1, 1, 2, 3)))).flatten(1))


def scripted() -> Callable[[Tensor], Tensor]:
    def relu(x: Tensor) -> Tensor:
        return torch.relu(x)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # deprecated, and still in use
        return torch.jit.trace(relu, torch.randn(2, 3))


def train(model: nn.Module, path: Path, steps: int = 3, **options: Any) -> Trace:
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with relume.watch(model, path=path, every=1, **options) as run:
        for _ in range(steps):
            loss = F.cross_entropy(model(torch.randn(16, 6)), torch.randint(0, 3, (16,)))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert run.problems == ()
    return run.trace()


FORMS: dict[str, tuple[Callable[[], nn.Module], list[tuple[str, str, str, str]]]] = {
    "module": (
        lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)),
        [("1", "relu", "0", "hidden")],
    ),
    "functional": (lambda: Functional(F.relu), [("relu()", "relu", "fc1", "hidden")]),
    "method": (lambda: Functional(lambda x: x.tanh()), [("tanh()", "tanh", "fc1", "hidden")]),
    "in place": (lambda: Functional(torch.relu_), [("relu()", "relu", "fc1", "hidden")]),
    "clamp": (
        lambda: Functional(lambda x: x.clamp(min=0)),
        [("clamp()", "clamp", "fc1", "hidden")],
    ),
    "maximum": (
        lambda: Functional(lambda x: torch.maximum(x, torch.zeros(()))),
        [("maximum()", "maximum", "fc1", "hidden")],
    ),
    "larger of two signals is no act": (
        lambda: Functional(lambda x: torch.maximum(x, -x)),
        [],
    ),
    "torch.ops": (lambda: Functional(torch.ops.aten.relu), [("relu()", "relu", "fc1", "hidden")]),
    "torchscript": (lambda: Functional(scripted()), [("relu()", "relu", "fc1", "hidden")]),
    "reused": (Reused, [("act", "relu", "a", "hidden"), ("act#2", "relu", "b", "hidden")]),
    "custom module": (
        lambda: nn.Sequential(nn.Linear(6, 8), Custom(), nn.Linear(8, 3)),
        [("1", "sigmoid", "0", "gate")],
    ),
    "prelu": (
        lambda: nn.Sequential(nn.Linear(6, 8), nn.PReLU(8), nn.Linear(8, 3)),
        [("1", "prelu", "0", "hidden")],
    ),
    "convolution": (Image, [("relu()", "relu", "norm", "hidden")]),
    "transformer": (
        Tokens,
        [
            ("layer.self_attn.softmax()", "softmax", "", "attention"),
            ("layer.gelu()", "gelu", "layer.linear1", "hidden"),
        ],
    ),
    "gru gates": (
        lambda: Recurrent(nn.GRU),
        [("cell", "sigmoid", "cell", "hidden")],  # the first of its gates; more below
    ),
    "output act": (
        lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(1)),
        [("1", "relu", "0", "hidden"), ("3", "softmax", "2", "output")],
    ),
}


@pytest.mark.parametrize("form", [form for form in FORMS if form != "gru gates"])
def test_sites(form: str, tmp_path: Path) -> None:
    make, expected = FORMS[form]
    torch.manual_seed(1)
    trace = train(make(), tmp_path / "run.sqlite")
    sites = trace.sites_of("act")
    found = [(site.name, site.act, site.layer, site.role) for site in sites]
    if form == "transformer":  # which layer feeds the attention weights is not asked
        found = [(n, a, "" if r == "attention" else layer, r) for n, a, layer, r in found]
    assert found == expected
    for site in sites:
        assert site.line > 0, site
        if site.act not in ("softmax",):
            series = trace.series(site.name, "grad_pre_rms")
            assert series is not None, site
            assert len(series) == 3
            assert (series.values > 0).all()


def test_recurrent_gates_are_seen_where_torch_shows_them(tmp_path: Path) -> None:
    trace = train(Recurrent(nn.GRU), tmp_path / "gru.sqlite")
    found = [site.act for site in trace.sites_of("act")]
    assert found.count("sigmoid") == 6  # two gates, three steps of the sequence
    assert found.count("tanh") == 3
    assert trace.facts_of("opaque") == ()


def test_what_cannot_be_seen_is_said(tmp_path: Path) -> None:
    trace = train(Recurrent(nn.LSTM), tmp_path / "lstm.sqlite")
    assert trace.sites_of("act") == ()
    (fact,) = trace.facts_of("opaque")
    assert fact.site == "cell"
    assert "fused" in fact.data["reason"]
    assert trace.series("cell.weight_ih_l0", "update_ratio") is not None


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return 2 * ctx.saved_tensors[0] * grads[0]


def test_a_custom_function_is_said(tmp_path: Path) -> None:
    trace = train(Functional(Square.apply), tmp_path / "run.sqlite")
    assert [fact.data["operation"] for fact in trace.facts_of("opaque")] == ["Square"]


def test_checkpointed_regions_are_seen_and_not_recomputed(tmp_path: Path) -> None:
    from torch.utils.checkpoint import checkpoint

    calls = []

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(6, 6)

        def forward(self, x: Tensor) -> Tensor:
            calls.append(1)
            return torch.relu(self.fc(x))

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block, self.out = Block(), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(checkpoint(self.block, x, use_reentrant=False))

    trace = train(Model(), tmp_path / "run.sqlite", steps=4)
    assert len(calls) == 2 * 4  # forward and its one recomputation
    assert [site.name for site in trace.sites_of("act")] == ["block.relu()"]
    assert trace.facts_of("opaque") == ()


def test_relu_input_is_computed_again(tmp_path: Path) -> None:
    """In place, so torch kept no pre-activation: it must equal the layer's own output."""
    torch.manual_seed(0)
    model = Functional(torch.relu_)
    seen: list[Tensor] = []
    model.fc1.register_forward_hook(lambda m, a, out: seen.append(out.detach().clone()))
    trace = train(model, tmp_path / "run.sqlite", steps=1)
    pre = trace.series("relu()", "pre_rms")
    assert pre is not None
    assert pre.values[0] == pytest.approx(float(seen[0].square().mean().sqrt()), rel=1e-5)
    window = trace.windows("relu()")[0]
    assert window.fields["pre_max"] == pytest.approx(seen[0].amax(0).numpy(), rel=1e-5)
    assert window.fields["active"].tolist() == (seen[0] > 0).sum(0).tolist()


def test_convolution_units_are_channels(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Image()
    seen: list[Tensor] = []
    model.norm.register_forward_hook(lambda m, a, out: seen.append(out.detach().clone()))
    trace = train(model, tmp_path / "run.sqlite", steps=1)
    window = trace.windows("relu()")[0]
    truth = (seen[0] > 0).sum((0, 2, 3))
    assert window.fields["active"].tolist() == truth.tolist()
    assert window.samples == 16 * 2
    assert window.fields["pre_max"] == pytest.approx(seen[0].amax((0, 2, 3)).numpy(), rel=1e-4)


def test_gradients_are_those_of_the_act_alone(tmp_path: Path) -> None:
    """A residual path carries gradient past the act; it must not be mixed in."""

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.out = nn.Linear(6, 6), nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            z = self.fc(x)
            self.post = torch.tanh(z)
            self.post.retain_grad()
            return self.out(z + self.post)

    model = Residual()
    trace = train(model, tmp_path / "run.sqlite", steps=1)
    pre, post = (trace.series("tanh()", f"grad_{side}_rms") for side in ("pre", "post"))
    assert pre is not None
    assert post is not None
    grad = model.post.grad
    assert grad is not None
    assert post.values[0] == pytest.approx(float(grad.square().mean().sqrt()), rel=1e-5)
    through = grad * (1 - model.post.detach() ** 2)
    assert pre.values[0] == pytest.approx(float(through.square().mean().sqrt()), rel=1e-5)


def test_two_networks_that_train_each_other(tmp_path: Path) -> None:
    """A GAN: two roots and two optimisers; the generator runs before the discriminator steps."""
    script = tmp_path / "gan.py"
    script.write_text("""
import torch
from torch import nn
G = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
D = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
g, d = torch.optim.Adam(G.parameters()), torch.optim.Adam(D.parameters())
judge = nn.BCEWithLogitsLoss()
for _ in range(12):
    fake = G(torch.randn(16, 4))
    real, made = D(torch.randn(16, 2)), D(fake.detach())
    d.zero_grad()
    (judge(real, torch.ones(16, 1)) + judge(made, torch.zeros(16, 1))).backward()
    d.step()
    g.zero_grad()
    judge(D(fake), torch.ones(16, 1)).backward()
    g.step()
""")
    code = "import sys; from pathlib import Path; from relume.launch import run; "
    code += f"sys.exit(run({str(script)!r}, [], folder=Path({str(tmp_path)!r})).code)"
    subprocess.run([sys.executable, "-c", code], check=True)
    trace = store.read(store.find(None, tmp_path))
    assert trace.facts_of("error") == ()
    assert trace.meta["steps"] == 12
    names = {site.name: site.layer for site in trace.sites_of("act")}
    assert names == {"G.1": "G.0", "D.1": "D.0", "D.1#2": "D.0"}
    for name in ("G.0.weight", "D.0.weight"):
        series = trace.series(name, "update_ratio")
        assert series is not None
        assert (series.values > 0).all()


def test_a_step_without_a_loss_is_no_broken_loss(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with relume.watch(model, path=tmp_path / "run.sqlite", every=1) as run:
        for step in range(6):
            if step != 3:
                F.cross_entropy(model(torch.randn(8, 6)), torch.randint(0, 3, (8,))).backward()
            optimizer.step()
    loss = run.trace().series("", "loss")
    assert loss is not None
    assert loss.steps.tolist() == [0, 1, 2, 4, 5]
