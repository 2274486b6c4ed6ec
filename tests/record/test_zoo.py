"""What is measured at a site, against what the model itself computed (see zoo_entries.py too)."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from zoo_kinds import Functional
from zoo_layers import Image, Recurrent

import relume
from relume.core import Trace
from relume.record.store import run_file


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


def test_what_cannot_be_seen_is_said(tmp_path: Path) -> None:
    trace = train(Recurrent(nn.LSTM), tmp_path / "lstm.sqlite")
    assert trace.sites_of("act") == ()
    (fact,) = trace.facts_of("opaque")
    assert fact.site == "cell"
    assert "fused" in fact.data["reason"]
    assert trace.series("cell.weight_ih_l0", "update_ratio") is not None


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
    trace = run_file.read(run_file.find(None, tmp_path))
    assert trace.facts_of("error") == ()
    assert trace.meta["steps"] == 12
    for stat in ("loss", "loss_2"):  # each has its own
        losses = trace.series("", stat)
        assert losses is not None
        assert len(losses) == 12, stat
    assert [fact.data["model"] for fact in trace.facts_of("turn")] == ["D", "G"]
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
