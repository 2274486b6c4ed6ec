"""Each hostile program shows under `relume run` what it shows under `python`, to the last bit."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_attack import PARTS, TRAIN, Attack, differences, plainly, recorded
from hostile_ends import ENDS
from hostile_processes import PROCESSES
from hostile_starts import STARTS
from hostile_torch import TORCH

from relume.record.store import run_file

ATTACKS = {**ENDS, **STARTS, **TORCH, **PROCESSES}
MOST_LIMITS = 16  # each is one sentence in its row


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(attack, id=name, marks=() if attack.fast else pytest.mark.slow)
        for name, attack in ATTACKS.items()
    ],
)
def test_it_shows_what_it_shows_under_python(attack: Attack, tmp_path: Path) -> None:
    plain = plainly(attack, tmp_path / "work")
    ours = recorded(attack, tmp_path / "work", "--quiet")
    assert differences(plain, ours, attack.same) == []


def test_the_comparison_sees_a_difference(tmp_path: Path) -> None:
    """The twin: a program that looks for relume is told apart in every stream."""
    text = (
        "import sys, torch\nknown = 'relume' in sys.modules\nprint(known)\nprint(known, file=sys."
        "stderr)\nopen('x', 'w').write(str(known))\nsys.exit(3 * known)"
    )
    attack = Attack(text)
    plain = plainly(attack, tmp_path / "work")
    ours = recorded(attack, tmp_path / "work", "--quiet")
    assert len(differences(plain, ours, attack.same)) == 4


def test_there_are_attacks_enough_and_few_limits() -> None:
    assert len(ATTACKS) == sum(map(len, (ENDS, STARTS, TORCH, PROCESSES))) >= 120
    limited = [name for name, attack in ATTACKS.items() if attack.limit]
    assert len(limited) <= MOST_LIMITS
    silently = [n for n, each in ATTACKS.items() if len(each.same) < len(PARTS) and not each.limit]
    assert silently == []


def test_the_page_has_every_program_and_no_difference() -> None:
    """docs/hostile.md is what `python tests/hostile/table.py` saw."""
    page = (Path(__file__).parents[2] / "docs" / "hostile.md").read_text("utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| ")]
    seen = {row[0].removeprefix("| "): row[-1] for row in rows if row[0] != "| program"}
    shown = {name.replace("|", r"\|") for name in ATTACKS}
    assert seen.keys() == shown
    assert [name for name, shows in seen.items() if not shows.startswith("the same")] == []


def test_sigterm_leaves_one_line_and_a_run_that_is_marked(tmp_path: Path) -> None:
    attack = Attack(
        TRAIN + "train(steps=40)\nprint('ready', flush=True)\nimport time\ntime.sleep(60)",
        send=[signal.SIGTERM],
    )
    seen = recorded(attack, tmp_path / "work")
    assert seen.code == -signal.SIGTERM
    (line,) = seen.err.splitlines()
    path = run_file.find(None, tmp_path / "runs")
    assert line.startswith("relume: SIGTERM ended the script; the run is kept in")
    assert str(path) in line
    assert run_file.meta(path)["ended"] == "killed 143"
    assert run_file.read(path).facts_of("end")[0].data["how"] == "killed"


def test_nothing_of_ours_is_loaded_by_a_child(tmp_path: Path) -> None:
    """A child of the script that trains is plain Python: one recording, and no second report."""
    child = TRAIN + "train()\nimport sys\nsys.exit(9)"
    attack = Attack(
        TRAIN + "train()\nimport subprocess, sys\n"
        "print(subprocess.run([sys.executable, 'child.py']).returncode)",
        files={"child.py": child},
    )
    seen = recorded(attack, tmp_path / "work")
    assert seen.out.splitlines()[-1] == "9"
    assert seen.err.count("rules found nothing") == 1
    assert len(run_file.runs(tmp_path / "runs")) == 1


@pytest.mark.slow
def test_a_loop_of_a_shell_ends_with_the_script(tmp_path: Path) -> None:
    """Ctrl-C ends `for i in 1 2 3; do relume run ...; done`, which an exit code of 130 does not."""
    (tmp_path / "script.py").write_text("raise KeyboardInterrupt")
    loop = f"for i in 1 2 3; do echo $i; {sys.executable} -m relume run --quiet script.py; done"
    done = subprocess.run(
        ["bash", "-i", "-c", loop], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["1"]
