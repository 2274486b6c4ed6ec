"""`relume check` on the command line: what it takes, what it says, what it refuses."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_app import Result, relume_process
from torch import nn

from relume.cli import app

NETS = """
import torch
from torch import nn


def good():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))


def twice():
    return nn.Sequential(*good(), nn.Softmax(dim=1))


def flat():
    return nn.Sequential(nn.Linear(4, 16), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))


def tokens():
    return nn.Sequential(nn.Embedding(20, 8), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 20))


class Broken(nn.Linear):
    def __init__(self):
        super().__init__(4, 3)

    def forward(self, x):
        raise ValueError("mine: x is odd")


def wants(width):
    return nn.Linear(4, width)


MADE = good()
NUMBER = 3


def loader():
    draw = torch.Generator().manual_seed(0)
    for _ in range(40):
        yield torch.randn(100, 4, generator=draw), torch.randint(0, 3, (100,), generator=draw)


def loss(output, target):
    return nn.functional.cross_entropy(output, target)
"""
Relume = Callable[..., Result]


@pytest.fixture
def call(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Relume:
    """`relume check` in a folder with the models above; the import path is as before after."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr("sys.path", ["", *__import__("sys").path])
    monkeypatch.delitem(__import__("sys").modules, "check_nets", raising=False)
    (tmp_path / "check_nets.py").write_text(NETS)

    def invoke(*args: str) -> Result:
        code = app.main(["check", *args])
        out, err = capfd.readouterr()
        return code, out, err

    return invoke


def data(call: Relume, *args: str) -> dict[str, Any]:
    _, out, err = call(*args, "--output-format", "json")
    assert out, err
    return json.loads(out)


def harm(told: dict[str, Any]) -> set[str]:
    return {f["code"] for f in told["findings"] if f["severity"] in ("warning", "error")}


def reasons(told: dict[str, Any]) -> dict[str, str]:
    return {item["code"]: item["reason"] for item in told["not_checked"]}


@pytest.mark.parametrize("target", ["check_nets:good", "check_nets.py:good", "check_nets:MADE"])
def test_a_sound_model_passes(call: Relume, target: str) -> None:
    code, out, err = call(target, "--input", "32x4")
    assert (code, err) == (0, "")
    said = " ".join(out.split())
    assert "Checked on one batch, forward and backward, without training." in said
    assert "other rules could not look: there was no training (" in said  # and none is called fine
    assert "trained for" not in out


def test_structure_needs_no_data(call: Relume) -> None:
    told = data(call, "check_nets:flat", "--input", "32x4")
    assert harm(told) == {"ACT101"}
    assert reasons(told)["ACT701"] == "the input was made up."
    assert reasons(told)["ACT201"] == "no criterion was given."
    assert told["meta"]["script"] == "check_nets:flat"


@pytest.mark.parametrize(
    "criterion",
    ["cross_entropy", "CrossEntropyLoss", "check_nets:loss", "torch.nn:CrossEntropyLoss"],
)
def test_a_loader_and_a_criterion(call: Relume, criterion: str) -> None:
    words = ["--data", "check_nets:loader", "--criterion", criterion]
    code, out, _ = call("check_nets:twice", *words)
    assert code == 1
    assert "softmax-before-cross-entropy" in out
    assert harm(data(call, "check_nets:good", *words)) == set()


def test_tokens(call: Relume) -> None:
    code, _, _ = call("check_nets:tokens", "--input", "8x5", "--dtype", "int64")
    assert code == 0
    code, out, err = call("check_nets:tokens", "--input", "8x5")
    assert (code, out) == (2, "")
    assert err.endswith("nothing was checked; for a model of tokens give --dtype int64.\n")


def saved(folder: Path) -> dict[str, Path]:
    draw = torch.Generator().manual_seed(0)
    x, y = torch.randn(200, 4, generator=draw), torch.randint(0, 3, (200,), generator=draw)
    np.save(folder / "x.npy", x.numpy())
    np.savez(folder / "xy.npz", x=x.numpy().astype(float), y=y.numpy())
    torch.save((x, y), folder / "xy.pt")
    rows = [
        "a,b,c,d,label",
        *(",".join(map(str, [*r, int(t)])) for r, t in zip(x.tolist(), y, strict=True)),
    ]
    (folder / "xy.csv").write_text("\n".join(rows))
    return {kind: folder / f"xy.{kind}" for kind in ("npz", "pt", "csv")}


def test_saved_data(call: Relume, tmp_path: Path) -> None:
    for kind, file in saved(tmp_path).items():
        told = data(call, "check_nets:twice", "--data", str(file), "--criterion", "cross_entropy")
        assert harm(told) == {"ACT201"}, kind
        assert told["meta"]["batches"] == 2
    assert call("check_nets:good", "--data", "x.npy")[0] == 0


def test_a_checkpoint(call: Relume, tmp_path: Path) -> None:
    dead = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    with torch.no_grad():
        dead[0].bias[:10] = -40.0  # type: ignore[index]
    torch.save({"state_dict": {f"module.{k}": v for k, v in dead.state_dict().items()}}, "w.pt")
    told = data(call, "check_nets:good", "--data", "check_nets:loader", "--weights", "w.pt")
    assert harm(told) == {"ACT401"}
    assert reasons(told)["ACT301"] == "the weights are trained ones."
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(dead.state_dict(), "w.safetensors")
    words = ["--data", "check_nets:loader", "--weights", "w.safetensors"]
    assert harm(data(call, "check_nets:good", *words)) == {"ACT401"}


def test_damaged_files_are_one_sentence_and_run_nothing(call: Relume, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "boom",))

    torch.save({"x": Bomb()}, "bomb.pt")
    np.save("bomb.npy", np.array([Bomb()], dtype=object), allow_pickle=True)
    for name in ("torn.pt", "torn.npy", "torn.npz", "torn.safetensors"):
        Path(name).write_bytes(b"PK\x03\x04 torn")
    Path("words.csv").write_text("a,b\n1,x\n")
    Path("empty.csv").write_text("")
    files = ["bomb.pt", "bomb.npy", "torn.pt", "torn.npy", "torn.npz", "words.csv", "empty.csv"]
    for file in files:
        code, out, err = call("check_nets:good", "--data", file)
        assert (code, out, err.count("\n")) == (2, "", 1), file
        assert err.startswith("relume: --data")
    for file in ("bomb.pt", "torn.pt", "torn.safetensors"):
        code, out, err = call("check_nets:good", "--input", "2x4", "--weights", file)
        assert (code, out, err.count("\n")) == (2, "", 1), file
    assert not (tmp_path / "boom").exists()


def test_weights_of_another_model_are_said(call: Relume) -> None:
    torch.save(nn.Linear(4, 3).state_dict(), "other.pt")
    code, _, err = call("check_nets:good", "--input", "2x4", "--weights", "other.pt")
    assert code == 2
    assert "is of another model: 4 of its tensors missing, as '0.bias'; 2 unknown to it" in err
    wide = nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 3))
    torch.save(wide.state_dict(), "wide.pt")
    code, _, err = call("check_nets:good", "--input", "2x4", "--weights", "wide.pt")
    assert code == 2
    assert "size mismatch" in err
    assert err.count("\n") == 1


def test_an_error_of_the_model_is_told_as_its_own(call: Relume, tmp_path: Path) -> None:
    code, out, err = call("check_nets:Broken", "--input", "2x4")
    assert (code, out) == (2, "")
    assert "ValueError: mine: x is odd" in err
    assert "relume/checks" not in err
    assert err.endswith("relume: check_nets:Broken could not be run, so nothing was checked.\n")
    (tmp_path / "check_odd.py").write_text("import no_such_thing_at_all\n")
    code, _, err = call("check_odd:good", "--input", "2x4")
    assert code == 2
    assert "ModuleNotFoundError: No module named 'no_such_thing_at_all'" in err
    assert "relume/checks" not in err


def test_a_comment_in_the_models_file_silences(call: Relume, tmp_path: Path) -> None:
    text = """
from torch import nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(4, 16), nn.Linear(16, 16)
    def forward(self, x):
        h = self.a(x)
        return self.b(h)  # relume: ignore[ACT101]: low rank
"""
    (tmp_path / "check_hushed.py").write_text(text)
    code, out, _ = call("check_hushed.py:Net", "--input", "8x4")
    assert code == 0
    assert "1 silenced (1 by comment)." in out


def test_it_leaves_no_file(call: Relume, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    call("check_nets.py:good", "--input", "2x4")
    left = {path.name for path in tmp_path.iterdir()} - {path.name for path in before}
    assert left <= {"__pycache__"}


def test_it_is_a_program(tmp_path: Path) -> None:
    (tmp_path / "check_nets.py").write_text(NETS)
    done: subprocess.CompletedProcess[bytes] = relume_process(
        "check", "check_nets:flat", "--input", "32x4", "--output-format", "github", cwd=tmp_path
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith(b"::warning ")
    assert b"title=ACT101 missing-nonlinearity" in done.stdout
