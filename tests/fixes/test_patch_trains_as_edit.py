"""The patched source trains as the edit of the live run does: the losses of both, step by step."""

import runpy
from pathlib import Path

import pytest

from relume.core.trial import Edit
from relume.fixes.apply import applied
from relume.fixes.patches import manual_instructions, patch_of

HEAD = """import torch
from torch import nn

torch.manual_seed(0)
X = torch.randn(96, 6) + 3
Y = X[:, :2].sum(1, keepdim=True)
"""
LOOP = """
optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
losses = []
for _ in range(12):
    loss = nn.functional.mse_loss(net(X), Y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
"""
DEEP = f"""{HEAD}net = nn.Sequential(
    nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1)
)
nn.init.constant_(net[0].bias, -9.0)
{LOOP}"""
IMAGES = f"""{HEAD}X = torch.randn(32, 3, 6, 6) + 3
Y = X.mean((1, 2, 3), keepdim=True).flatten(1)
net = nn.Sequential(
    nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 1)
)
nn.init.constant_(net[0].bias, -9.0)
{LOOP}"""
CELL = f"""{HEAD}X = X[..., None]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.KIND(1, 8, batch_first=True)
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        return self.head(self.cell(x)[0][:, -1])


net = Net()
{LOOP}"""
FUNCTION = f"""{HEAD}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 16)
        self.head = nn.Linear(16, 1)

    def forward(self, x):
        z = self.first(x)
        z = CALL
        return self.head(z)


net = Net()
{LOOP}"""


def edit(fix: str, *sites: str, **options: object) -> Edit:
    return Edit(fix, options, sites, fix.replace("-", " "))  # type: ignore[arg-type]


BOTH, CONVS = ("0", "2", "4"), ("0", "2", "5")
CASES = {
    "rescaled": (DEEP, edit("rescale-init", rms=1.0, layers=BOTH)),
    "rescaled convolutions": (IMAGES, edit("rescale-init", rms=1.0, layers=CONVS)),
    "moved": (DEEP, edit("margin-bias", "1", layers=("0",))),
    "moved channels": (IMAGES, edit("margin-bias", "1", "3", layers=("0", "2"))),
    "folded": (DEEP.replace("-9.0", "0.0"), edit("fold-input-mean", "0")),
    "folded channels": (IMAGES.replace("-9.0", "0.0"), edit("fold-input-mean", "0")),
    **{
        f"kept by {kind}": (CELL.replace("KIND", kind), edit("keep-state", "cell", value=1.5))
        for kind in ("LSTM", "GRU", "RNN")
    },
    **{
        f"straight {name}": (
            FUNCTION.replace("CALL", call),
            edit("straight-through", operation=name),
        )
        for name, call in (("sign", "torch.sign(z)"), ("round", "z.round()"), ("sgn", "z.sgn()"))
    },
    "cleared": (DEEP.replace("    optimizer.zero_grad()\n", ""), edit("clear-gradients")),
    "eps": (
        DEEP.replace("SGD(net.parameters(), lr=0.01", "Adam(net.parameters(), eps=10.0"),
        edit("usual-eps", eps=1e-8),
    ),
    "exact": (FUNCTION.replace("CALL", "torch.tanh(z)"), edit("exact-act", "tanh()", act="tanh")),
}


def losses(path: Path, edits: tuple[Edit, ...] = ()) -> list[float]:
    if not edits:
        return list(runpy.run_path(str(path))["losses"])
    with applied(edits) as session:
        found = list(runpy.run_path(str(path))["losses"])
    assert session.done
    assert not session.missed
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_same_losses(name: str, tmp_path: Path) -> None:
    text, asked = CASES[name]
    path = tmp_path / "train.py"
    path.write_text(text)
    lines = [at for at, part in enumerate(text.splitlines(), 1) if part.startswith("        z = ")]
    line = lines[-1] if lines else 0
    placed = Edit(asked.fix, asked.options, asked.sites, asked.text, str(path), line)
    patch = patch_of(placed, tmp_path)
    assert patch is not None
    before, live = losses(path), losses(path, (placed,))
    path.write_text(patch.after)
    patched = losses(path)
    # as `trial/prove_patch.py` asks: later losses multiply every difference of rounding
    assert patched[:5] == pytest.approx(live[:5], rel=1e-5)
    assert patched == pytest.approx(live, rel=1e-2)
    if asked.fix != "exact-act":  # the same function to rounding
        assert live != pytest.approx(before, rel=1e-3)


@pytest.mark.parametrize("call", ["torch.sign(self.first(x))", "torch.sign(z) + torch.sign(-z)"])
def test_what_would_be_computed_twice_is_told_in_words(call: str, tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(FUNCTION.replace("CALL", call))
    line = next(at for at, part in enumerate(path.read_text().splitlines(), 1) if "z = to" in part)
    asked = Edit("straight-through", {"operation": "sign"}, (), "", str(path), line)
    if "self" in call:
        assert patch_of(asked, tmp_path) is None
    words = manual_instructions(asked, tmp_path)
    assert f"train.py:{line}" in words
    assert "x.clamp(-1, 1) + (torch.sign(x) - x.clamp(-1, 1)).detach()" in words


def test_a_dead_unit_is_told_with_its_layer(tmp_path: Path) -> None:
    path = tmp_path / "train.py"
    path.write_text(DEEP)
    options = {"layer": "net[0]", "act": "relu"}
    asked = Edit("recycle-dead-units", options, ("1",), "", str(path), 9)
    words = manual_instructions(asked, tmp_path)
    assert "train.py:9" in words
    assert "net[0].weight[i].normal_(0, 1.4142 / net[0].weight[i].numel() ** 0.5)" in words
