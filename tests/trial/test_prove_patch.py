"""Patches run before they are shown: of a script, of a module, and never where they differ."""

from pathlib import Path

import pytest
from arms import BASE, SCRIPT

from relume.core.trial import Arm, Edit
from relume.trial.judge.objective import LOSS
from relume.trial.prove_patch import in_words, prove_patch
from relume.trial.scheduler import ExecutionPlace, TrialRunner, TrialSetting, program_of

RATE = "torch.optim.SGD(model.parameters(), lr=0.1)"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script whose optimiser is made in a module beside it."""
    monkeypatch.chdir(tmp_path)
    made = "import torch\n\ndef make(model):\n    return " + RATE + "\n"
    (tmp_path / "made.py").write_text(made)
    text = SCRIPT.format(steps=12, each="", end="").replace(RATE, "made.make(model)")
    path = tmp_path / "train.py"
    path.write_text("import made\n" + text)
    return path


def runner_of(script: Path) -> TrialRunner:
    where = ExecutionPlace(jobs=1)
    return TrialRunner(
        TrialSetting(program_of(str(script), []), folder=script.parent / "kept", where=where)
    )


def test_a_patch_of_an_imported_module_gives_the_losses_of_its_edit(script: Path) -> None:
    made = script.parent / "made.py"
    held = "torch.optim.Adam(model.parameters(), lr=0.1, eps=1.0)"
    made.write_text(made.read_text().replace(RATE, held))
    runner = runner_of(script)
    arm = Arm("usual", (Edit("usual-eps", {"eps": 1e-8}, file=str(script)),))
    runner.run([BASE, arm], [0])
    proven = prove_patch(runner, arm, range(1, 4), LOSS)
    assert [patch.file for patch in proven.patches] == ["made.py"]
    assert "to the last bit" in proven.text
    assert runner.runs["usual, patched", 0].loss == runner.runs["usual", 0].loss
    assert runner.runs["usual, patched", 0].loss != runner.runs["base", 0].loss
    assert "eps=1.0)" in made.read_text()  # the user's file is as it was


def test_the_rate_of_a_factory_is_patched_where_the_script_gets_its_optimiser(
    script: Path,
) -> None:
    """Other scripts may import the factory."""
    runner = runner_of(script)
    arm = Arm("slower", (Edit("lower-learning-rate", {"factor": 0.1}, file=str(script)),))
    runner.run([BASE, arm], [0])
    proven = prove_patch(runner, arm, range(1, 4), LOSS)
    assert [patch.file for patch in proven.patches] == ["train.py"]
    assert runner.runs["slower, patched", 0].loss == runner.runs["slower", 0].loss
    assert runner.runs["slower, patched", 0].loss != runner.runs["base", 0].loss


def test_a_patch_that_trains_otherwise_and_gains_nothing_is_not_shown(script: Path) -> None:
    runner = runner_of(script)
    slower = Arm("slower", (Edit("lower-learning-rate", {"factor": 0.1}, file=str(script)),))
    other = Edit("lower-learning-rate", {"factor": 0.5}, file=str(script))
    runner.run([BASE, slower], [0])
    runner.run([BASE], range(1, 4))
    # the runs are those of another edit: the patch of `other` cannot give them
    proven = prove_patch(runner, Arm("slower", (other,)), range(1, 4), LOSS)
    assert proven.patches == ()
    assert proven.diff == ""


def test_words_name_file_line_and_code_and_the_folder_in_which_a_patch_is_written(
    tmp_path: Path,
) -> None:
    file = tmp_path / "train.py"
    file.write_text("import torch\nnet = make(torch.relu)\n")
    edit = Edit("swap-act", {"act": "gelu"}, ("a",), "relu replaced by gelu", str(file), 2)
    said = in_words(Arm("swap", (edit,)), (), tmp_path)
    assert said.startswith(f"{file}:2: `net = make(torch.relu)`: relu replaced by gelu")
    assert "current folder" not in said
    elsewhere = in_words(Arm("swap", (edit,)), (), tmp_path / "other")
    assert elsewhere.endswith(f"run this in {tmp_path.resolve()}.")
