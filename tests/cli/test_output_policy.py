"""The manners on the command line: what silences, what fails, what wins over what."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from test_app import Result, relume_process

from relume.cli import app

TRAINING = """import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(64, 4), torch.randint(0, 3, (64,))
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3), nn.Softmax(dim=1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(40):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()  # MARK
    optimizer.step()
"""
Relume = Callable[..., Result]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a script whose loss applies softmax again, and its run."""
    folder = tmp_path_factory.mktemp("manners")
    (folder / "train.py").write_text(TRAINING)
    done = relume_process("run", "--quiet", "--isolated", "train.py", cwd=folder)
    assert done.returncode == 1, done.stderr.decode()
    return folder


@pytest.fixture
def call(
    trained: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Relume:
    """`relume diagnose` in that folder; the script and the configuration are as they were after."""
    monkeypatch.chdir(trained)
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("pyproject.toml", "known.json"):
        (trained / name).unlink(missing_ok=True)
    (trained / "train.py").write_text(TRAINING)

    def invoke(*args: str) -> Result:
        code = app.main(["diagnose", *args])
        out, err = capfd.readouterr()
        return code, out, err

    return invoke


def data(call: Relume, *args: str) -> dict[str, Any]:
    _, out, err = call("--output-format", "json", *args)
    assert out, err
    return json.loads(out)


def test_fail_on(call: Relume) -> None:
    assert call("--fail-on", "error")[0] == 1
    assert call("--fail-on", "error", "--exit-zero")[0] == 0
    assert call("--ignore", "ACT2", "--fail-on", "error")[0] == 0
    code, out, err = call("--fail-on", "errr")
    assert (code, out) == (2, "")
    assert err == "relume: unknown severity 'errr'; did you mean 'error'?\n"


def test_the_command_line_wins_over_the_file(call: Relume, trained: Path) -> None:
    table = '[tool.relume]\nselect = ["ACT4"]\noutput-format = "concise"\n'
    (trained / "pyproject.toml").write_text(table)
    code, out, _ = call()
    assert code == 0
    assert "root cause" not in out  # concise
    assert call("--select", "ACT2")[0] == 1
    assert "root cause" in call("--isolated")[1]
    assert data(call)["findings"] == [] or all(
        f["code"].startswith("ACT4") for f in data(call)["findings"]
    )


def test_a_wrong_file_is_one_sentence(call: Relume, trained: Path) -> None:
    (trained / "pyproject.toml").write_text('[tool.relume]\nfail_on = "error"\n')
    code, out, err = call()
    assert (code, out) == (2, "")
    where = trained / "pyproject.toml"
    assert err == f"relume: {where}: unknown key 'fail_on'; did you mean 'fail-on'?\n"


def test_a_comment_silences_the_line_of_the_loss(call: Relume, trained: Path) -> None:
    told = "# relume: ignore[ACT201]: asked for"
    (trained / "train.py").write_text(TRAINING.replace("# MARK", told))
    code, out, _ = call()
    assert code == 0
    assert "1 silenced (1 by comment)." in out
    (item,) = data(call)["suppressed"]
    assert (item["by"], item["reason"]) == ("comment", "asked for")
    assert item["where"].endswith("train.py:10")


def test_a_comment_that_silences_nothing_is_said_on_stderr(call: Relume, trained: Path) -> None:
    (trained / "train.py").write_text(TRAINING.replace("# MARK", "# relume: ignore[ACT202]"))
    code, out, err = call()
    assert code == 1
    assert "the ignore comment silenced nothing; remove it." in err
    assert "silenced" not in out


def test_a_baseline_from_writing_to_news(call: Relume, trained: Path) -> None:
    code, out, err = call("--baseline", "known.json", "--write-baseline")
    assert code == 0
    assert "by baseline" in out
    assert f"the baseline {trained / 'known.json'} knows" in err
    assert call("--baseline", "known.json")[0] == 0
    kept = json.loads((trained / "known.json").read_text())
    kept["findings"] = [e for e in kept["findings"] if e["code"] != "ACT201"]
    (trained / "known.json").write_text(json.dumps(kept))
    assert call("--baseline", "known.json")[0] == 1
    assert data(call, "--baseline", "known.json")["meta"]["baseline"]["new"] >= 1


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["--write-baseline"], "--write-baseline needs a file; name it with --baseline FILE."),
        (["--baseline", "no.json"], "there is no baseline 'no.json'; write it with --write-bas"),
        (["--baseline", "train.py"], "train.py is no baseline of relume, or a damaged one"),
        (["--config", "no.toml"], "--config is 'no.toml', and there is no such file."),
        (["--config", "x", "--isolated"], "--isolated reads no configuration and --config"),
    ],
)
def test_bad_words_are_one_sentence(call: Relume, args: list[str], sentence: str) -> None:
    code, out, err = call(*args)
    assert (code, out) == (2, "")
    assert err.startswith(f"relume: {sentence}")
    assert err.count("\n") == 1


def test_the_forms_for_programs_go_to_stdout_or_to_the_file(call: Relume, trained: Path) -> None:
    assert json.loads(call("--output-format", "sarif")[1])["version"] == "2.1.0"
    assert "::error file=train.py,line=10,title=ACT201 " in call("--output-format", "github")[1]
    root = ElementTree.fromstring(call("--output-format", "junit")[1].encode())
    assert root.attrib["failures"] != "0"
    code, out, _ = call("--output-format", "junit", "-o", "r.xml")
    assert (code, out) == (1, "")
    assert ElementTree.parse(trained / "r.xml").getroot().tag == "testsuites"


def test_rules_as_data(capfd: pytest.CaptureFixture[str]) -> None:
    assert app.main(["rules", "--output-format", "json"]) == 0
    told = {rule["code"]: rule for rule in json.loads(capfd.readouterr().out)}
    dead = told["ACT401"]
    assert (dead["name"], dead["about"], dead["symptom"]) == ("dead-units", "dead units", True)
    assert dead["severities"] == ["note", "warning", "error"]
    assert told["ACT201"]["symptom"] is False
    assert all(rule["summary"] and rule["severities"] for rule in told.values() if rule != "ACT0")
    assert app.main(["rules", "--output-format", "jsn"]) == 2
    assert "did you mean 'json'?" in capfd.readouterr().err


def test_a_run_writes_its_baseline_where_it_was_asked_though_the_script_moves(
    trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "away").mkdir()
    script = TRAINING + "import os\nos.chdir('away')\n"
    (tmp_path / "train.py").write_text(script)
    words = ["--quiet", "--baseline", "known.json", "--write-baseline", "train.py"]
    done = relume_process("run", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    assert (tmp_path / "known.json").is_file()
