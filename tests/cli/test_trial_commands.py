"""`relume fix`, `prove`, `compare` and `recommend` as they are typed."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relume.cli import app
from relume.trial.pool import forkserver_client

TRAIN = """
import torch
torch.manual_seed(0)
x = torch.randn(256, 8)
y = (x[:, 0] * x[:, 1] > 0).long()
model = torch.nn.Sequential(
    torch.nn.Linear(8, 32),
    torch.nn.{act}(),
    torch.nn.Linear(32, 2),
)
optimizer = torch.optim.{optimizer}
for step in range(60):
    pick = torch.randint(256, (64,))
    loss = torch.nn.functional.cross_entropy(model(x[pick]), y[pick])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("last loss", loss.item())
"""
HEALTHY = "Adam(model.parameters(), lr=0.01)"
WILD = "SGD(model.parameters(), lr=100.0)"


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Calls `main` in a folder with a script; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def invoke(*args: str, optimizer: str = HEALTHY, act: str = "ReLU") -> tuple[int, str, str]:
        (tmp_path / "train.py").write_text(TRAIN.format(act=act, optimizer=optimizer))
        code = app.main(args)
        out, err = capfd.readouterr()
        return code, out, err

    return invoke


@pytest.fixture(scope="module", autouse=True)
def ended() -> Iterator[None]:
    """No fork server outlives the tests."""
    yield
    forkserver_client.forkservers.close()


def test_a_healthy_script_is_left_alone(call: Any, tmp_path: Path) -> None:
    code, out, _ = call("fix", "train.py")
    assert code == 0
    assert "Nothing to fix." in out
    assert sorted(p.name for p in tmp_path.iterdir()) == [".relume", "train.py"]


def test_a_rate_that_is_too_high_is_cured_and_proved(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = call("fix", "--seeds", "3", "train.py", optimizer=WILD)
    assert code == 0
    assert "Proven: learning rate times 0.0" in out
    assert "The patched source has run" in out
    assert "proven, on fresh" in out
    assert "placebo: the script as it is, run again, gave the same losses" in out
    assert "train.py will run once, and up to 93 times more to cure it" in err
    assert "ACT605" in err  # what is being tried is said while it runs
    assert "libcst" not in err
    monkeypatch.setitem(sys.modules, "libcst", None)  # as if it were not installed
    code, out, err = call(
        *("fix", "--seeds", "3", "--exit-zero", "--output-format", "json", "-o", "fix.json"),
        "train.py",
        optimizer=WILD,
    )
    found = json.loads((tmp_path / "fix.json").read_text())
    assert code == 0
    assert found["word"] == "proven"
    assert (found["diff"], "pip install 'relume[patch]'" in err) == ("", True)
    assert found["by_hand"].startswith("make the change by hand, as `relume explain lower-")
    assert found["edits"][0]["fix"] == "lower-learning-rate"
    assert found["verdict"]["fresh"] is True
    assert found["trials"][0]["meta"]["resumed"] > 0  # nothing was run twice


def test_a_proven_patch_is_written_and_taken_back(call: Any, tmp_path: Path) -> None:
    call("rules", optimizer="SGD(model.parameters(), lr=100.0)")
    before = (tmp_path / "train.py").read_text()
    code, _, err = call("fix", "--seeds", "3", "--write", "train.py", optimizer=WILD)
    assert (code, "undo it with: relume fix --undo" in err) == (0, True)
    assert (tmp_path / "train.py").read_text() != before
    assert app.main(["fix", "--undo"]) == 0
    assert (tmp_path / "train.py").read_text() == before
    assert app.main(["fix", "--undo"]) == 2


def test_what_has_not_learned_is_tried_and_told_as_not_cured(call: Any, tmp_path: Path) -> None:
    call("rules")
    text = (tmp_path / "train.py").read_text().replace(", y[pick])", ", noise)")
    text = text.replace("    loss =", "    noise = torch.randint(2, (64,))\n    loss =")
    (tmp_path / "noise.py").write_text(text)
    code, out, _ = call("fix", "--seeds", "3", "noise.py")
    assert code == 1
    assert "Not cured: it has not learned, and none of" in out
    assert "no gain at one seed" in out


def test_prove_says_no_where_nothing_is_gained(call: Any) -> None:
    code, out, _ = call(
        *("prove", "--seeds", "3", "--edit", "lower-learning-rate:factor=1.0", "train.py")
    )
    assert code == 1
    assert "no proven gain" in out
    assert "the same in every pair" in out


def test_compare_judges_what_the_script_prints(call: Any) -> None:
    code, out, _ = call(
        *("compare", "train.py", "--acts", "relu,gelu", "--seeds", "3"),
        *("--metric", "printed:last loss"),
    )
    assert code == 0
    assert "last loss, lower is better" in out
    assert "with 3 pairs no gain of one act can be proven at 5 %; 5 are needed" in " ".join(
        out.split()
    )
    assert "relu (the script" in out
    assert "relu, weights" in out
    assert "no difference shown" in out or "better" in out or "undecided" in out
    assert "learning rate: the script's own for every arm" in out


def test_compare_writes_a_table_and_knows_an_act_of_ones_own(call: Any, tmp_path: Path) -> None:
    (tmp_path / "own_acts_of_test.py").write_text(
        "import torch\nfrom relume.acts import register\n"
        '@register(formula="z * sigmoid(2 * z)")\ndef bent(z):\n    "Mine."\n'
        "    return z * torch.sigmoid(2 * z)\n"
    )
    code, out, err = call(
        *("compare", "train.py", "--acts", "own_acts_of_test:bent", "--seeds", "3"),
        *("--output-format", "csv", "--least", "0.2"),
    )
    assert code == 0
    head, base, control, own = out.splitlines()
    assert head.startswith("act,factor,against,mean,low,high,difference")
    assert base.startswith("relu (the script as it is),,,")
    assert control.startswith('"relu, weights drawn anew",init,base,')
    assert own.startswith("own_acts_of_test:bent,act,relu,")
    assert ",0.2," in own  # the least effect, as it was set
    assert "train.py will run up to 9 times" in err
    assert "with 3 pairs no gain of one act can be proven at 5 %; 5 are needed." in err


LSTM = """
import torch
torch.manual_seed(0)
x = torch.randn(256, 8, 4)
y = (x[:, :, 0].sum(1) > 0).long()
layer, head = torch.nn.{layer}, torch.nn.Linear(16, 2)
parameters = [*layer.parameters(), *head.parameters()]
optimizer = torch.optim.Adam(parameters, 1e-2)
for step in range(40):
    pick = torch.randint(256, (64,))
    {forward}
    loss = torch.nn.functional.cross_entropy(head(state), y[pick])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("layer", "forward", "words"),
    [
        ("LSTM(4, 16, batch_first=True)", "state = layer(x[pick])[0][:, -1]", "Leave what runs"),
        (
            "LSTMCell(4, 16)",
            "both = None\n    for t in range(8):\n        both = layer(x[pick, t], both)\n"
            "    state = both[0]",
            "they are gates here",
        ),
    ],
)
def test_the_gates_of_a_recurrent_layer_are_no_missing_act(
    layer: str, forward: str, words: str, call: Any, tmp_path: Path
) -> None:
    call("rules")
    (tmp_path / "lstm.py").write_text(LSTM.format(layer=layer, forward=forward))
    said = [call("recommend", "--fresh", "lstm.py")[1] for _ in range(2)]
    assert words in " ".join(said[0].split())
    assert "Put ReLU" not in said[0]
    assert said[0] == said[1]
    assert "nothing to compare" in call("compare", "lstm.py", "--acts", "relu")[2]


def test_units_of_two_pieces_with_equal_parameters_and_a_page(call: Any, tmp_path: Path) -> None:
    words = ("compare", "train.py", "--acts", "maxout,swiglu", "--seeds", "3", "-o")
    code, _, _ = call(*words, "acts.html", "--equal-parameters")
    page = (tmp_path / "acts.html").read_text()
    assert code == 0
    assert "maxout, half the units" in page
    assert page.count("<td>354</td>") == 4  # parameters: the script's own in every arm
    assert page.count("<polyline") == 4
    assert page.count('class="whisker"') == 3


def test_every_arm_is_tuned_alike(call: Any, tmp_path: Path, monkeypatch: Any) -> None:
    pytest.importorskip("optuna")
    from relume.trial import compare_acts

    monkeypatch.setattr(compare_acts, "TUNINGS", 2)
    code, _, _ = call(
        *("compare", "--acts", "tanh", "--tune", "lr", "--seeds", "3", "--steps", "20"),
        *("--output-format", "json", "-o", "compare.json", "train.py"),
    )
    found = json.loads((tmp_path / "compare.json").read_text())
    assert code == 0
    assert set(found["meta"]["tuned"]) == {"base", "relu", "tanh"}
    assert found["meta"]["tunings"] == 2
    assert len(found["shots"]) == 12


def test_recommend_names_the_trial_that_settles_it(call: Any) -> None:
    code, out, err = call("recommend", "train.py", act="ReLU")
    assert code == 0
    assert "train.py will run once" in err
    assert "Keep ReLU" in out
    assert "relume compare --acts" in out
    assert "cross_entropy" in out
    assert "Advice, not proof" in out


def test_a_script_that_fails_is_told_with_its_own_words(call: Any, tmp_path: Path) -> None:
    call("rules")
    (tmp_path / "broken.py").write_text("raise ValueError('no data here')\n")
    code, _, err = call("fix", "broken.py")
    assert code == 2
    assert "the script as it is trained nothing: " in err
    assert "ValueError: no data here" in err


PARSED = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float, default=300.0)
parser.add_argument("--steps", type=int, default=60)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()
assert (args.rate, args.steps) == (0.01, 50), args
"""


def test_options_of_both_may_stand_behind_the_script(call: Any, tmp_path: Path) -> None:
    call("rules")
    script = PARSED + TRAIN.format(act="ReLU", optimizer="Adam(model.parameters(), lr=args.rate)")
    (tmp_path / "own.py").write_text(script)
    words = ("recommend", "own.py", "--rate", "0.01", "-o", "said.txt", "--", "--steps", "50")
    code, out, err = call(*words)
    assert code == 0
    assert "own.py -- --rate 0.01 --steps 50" in out  # the trial it names can be typed as it is
    assert "Keep ReLU" in (tmp_path / "said.txt").read_text()
    assert (
        "relume: read by relume recommend: -o. Passed to own.py: --rate 0.01 --steps 50 "
        "(put its options after --)." in err
    )


def test_an_option_that_both_know_is_refused_before_anything_runs(
    call: Any, tmp_path: Path
) -> None:
    call("rules")
    (tmp_path / "own.py").write_text(PARSED)
    code, out, err = call("fix", "own.py", "--seeds", "3", "--steps", "50")
    assert (code, out) == (2, "")
    assert err == (
        "relume: --steps is an option of 'relume fix' and of own.py: write it before own.py for "
        "relume fix, or after -- for own.py.\n"
    )
    assert not (tmp_path / ".relume").exists()


def test_a_misspelt_option_is_the_scripts_and_the_near_one_is_told(
    call: Any, tmp_path: Path
) -> None:
    call("rules")
    (tmp_path / "own.py").write_text("import sys\nsys.exit(2)\n")
    code, _, err = call("compare", "own.py", "--sead", "3")
    assert code == 2
    assert "relume: --sead goes to own.py; relume compare has --seeds." in err


BAD = {
    "no script": (["fix", "trian.py"], "unknown script 'trian.py'; did you mean 'train.py'?"),
    "few seeds": (["fix", "--seeds", "2", "train.py"], "--seeds is 2; at least 3 pairs are needed"),
    "no step": (["fix", "--steps", "0", "train.py"], "--steps is 0; it is a number of optimiser"),
    "form": (["fix", "--output-format", "jsn", "train.py"], "did you mean 'json'?"),
    "metric": (
        ["fix", "--metric", "acc", "train.py"],
        "--metric is 'acc'; expected loss, validation, reported",
    ),
    "better": (["fix", "--better", "mix", "train.py"], "unknown direction 'mix'; did you mean"),
    "backend": (["fix", "--backend", "dusk", "train.py"], "did you mean 'dask'?"),
    "rule": (["fix", "--select", "ACT99", "train.py"], "ACT99"),
    "no edit": (["prove", "train.py"], "name a fix: --edit lower-learning-rate:factor=0.1."),
    "fix": (
        ["prove", "--edit", "lower-learning", "train.py"],
        "did you mean 'lower-learning-rate'?",
    ),
    "option": (["prove", "--edit", "swap-act:gelu", "train.py"], "'gelu' is no option; expected"),
    "act": (["compare", "--acts", "rellu", "train.py"], "did you mean 'relu'?"),
    "no acts": (["compare", "--acts", ",", "train.py"], "name acts to compare, such as --acts"),
    "gated": (
        ["compare", "--acts", "swiglu", "train.py"],
        "swiglu is no act of one unit; with --equal-parameters it takes two units for one.",
    ),
    "no value": (["compare", "train.py", "--seeds"], "--seeds wants a value, and nothing follows"),
    "least": (["prove", "--least", "-1", "train.py"], "--least is -1; it is an effect, 0 or more"),
    "time": (["fix", "--timeout", "0", "train.py"], "--timeout is 0; it is a number of seconds"),
    "import": (["fix", "--import", "nowhere", "train.py"], "cannot import 'nowhere'"),
    "advice": (["recommend", "--import", "nowhere", "train.py"], "cannot import 'nowhere'"),
    "place": (["compare", "--acts", "nowhere:bent", "train.py"], "cannot import 'nowhere'"),
    "table": (["compare", "--output-format", "cvs", "train.py"], "did you mean 'csv'?"),
    "tune": (["compare", "--tune", "lrr", "train.py"], "did you mean 'lr'?"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_sentence_before_anything_runs(
    what: str, call: Any, tmp_path: Path
) -> None:
    words, text = BAD[what]
    code, out, err = call(*words)
    assert code == 2
    assert text in err
    assert len(err.strip().splitlines()) == 1
    assert out == ""
    assert not (tmp_path / ".relume").exists()


@pytest.mark.parametrize("option", ["--diff", "--write"])
def test_who_asks_for_a_patch_is_told_at_once_what_it_needs(
    option: str, call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "libcst", None)  # as if it were not installed
    code, out, err = call("fix", option, "train.py")
    assert (code, out) == (2, "")
    assert err == (
        f"relume: {option}: a patch needs libcst, which is not installed: "
        "pip install 'relume[patch]'.\n"
    )
    assert not (tmp_path / ".relume").exists()


def test_explain_shows_a_fix(call: Any) -> None:
    code, out, _ = call("explain", "lower-learning-rate")
    assert code == 0
    assert "fix lower-learning-rate" in out
    assert "What it changes" in out
