"""What the machine does is no evidence, hanging runs end, folders go, own acts are known."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from arms import BASE

from relume.acts.lookup import act
from relume.core.trial import Arm, Edit
from relume.errors import UsageError
from relume.trial.paired_trial import check_judgeable
from relume.trial.plan import effect_words, plan_lines, runs_of_compare
from relume.trial.runner.outside import outside_reason, real_effects
from relume.trial.scheduler import TrialRunner

Write = Callable[..., Path]
MakeRunner = Callable[..., TrialRunner]
# The first run of each seed meets a port that is in use. A file says which runs there were: made by
# a process of its own, as the run's own files are held back.
ONCE = """
import os, subprocess
place = {place!r} + str(torch.initial_seed())
if subprocess.run(["test", "-e", place]).returncode:
    subprocess.run(["touch", place], check=True)
    raise OSError(98, "Address already in use")
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("OSError: [Errno 98] Address already in use", "a port is in use"),
        ("OSError: [Errno 28] No space left on device: 'x'", "the disk is full"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate", "no memory"),
        ("RuntimeError: [enforce fail] DefaultCPUAllocator: can't allocate memory", "no memory"),
        ("MemoryError: ", "no memory"),
        ("ValueError: loss is nan", ""),
        ("RuntimeError: CUDA error: device-side assert triggered", ""),  # a label out of range
    ],
)
def test_what_ended_a_run_is_told_by_its_error(text: str, words: str) -> None:
    assert outside_reason(text).startswith(words)
    assert bool(outside_reason(text)) is bool(words)


def test_a_run_whose_port_is_in_use_is_made_again_alone(
    write: Write, runner: MakeRunner, tmp_path: Path
) -> None:
    path = write(end=ONCE.format(place=str(tmp_path / "seen-")))
    one = runner(path, jobs=2)
    one.run([BASE], range(2))
    assert [run.stopped for run in one.runs.values()] == ["", ""]
    assert all(run.value is not None for run in one.runs.values())
    assert one.executed == 4


def test_a_base_that_is_ended_twice_stops_the_trial_with_the_reason(
    write: Write, runner: MakeRunner
) -> None:
    path = write(end="raise OSError(28, 'No space left on device')")
    one = runner(path)
    with pytest.raises(UsageError, match=r"ended twice, the second time alone: the disk is full"):
        one.run([BASE], [0])
    assert one.executed == 2
    assert not one.cache_file.exists()  # no evidence is kept


def test_a_run_that_hangs_ends_and_is_no_evidence(write: Write, runner: MakeRunner) -> None:
    hang = "import time\nif torch.initial_seed() > 100: time.sleep(600)"  # not at the first seed
    one = runner(write(end=hang), timeout=8.0)
    begun = time.monotonic()
    one.run([BASE], [0, 1])
    assert time.monotonic() - begun < 120
    assert not one.runs["base", 0].stopped
    assert "ended after 8 s, the limit (--timeout)" in one.runs["base", 1].stopped


def test_a_script_that_asks_gets_the_true_error_after_one_run(
    write: Write, runner: MakeRunner
) -> None:
    one = runner(write(text="name = input('name? ')\n"))
    with pytest.raises(UsageError, match=r"EOFError.*stdin is empty"):
        check_judgeable(one)
    assert one.executed == 1


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_after_sigterm_no_folder_stays(write: Write, tmp_path: Path) -> None:
    path = write(each="import time; time.sleep(0.05)", steps=2000)
    own = tmp_path / "tmp"
    own.mkdir()
    command = [sys.executable, "-m", "relume", "prove", "--edit", "lower-learning-rate", str(path)]
    running = subprocess.Popen(
        command, env={**os.environ, "TMPDIR": str(own)}, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 90
    while not list(own.glob("relume-*/*/job.json")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert list(own.glob("relume-*/*"))
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    while list(own.glob("relume-*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not list(own.glob("relume-*"))


ACTS = """
import torch
from relume.acts import register

@register(formula="z * sigmoid(2 * z)")
def bent(z, beta: float = 2.0):
    "Mine."
    return z * torch.sigmoid(beta * z)
"""


def test_an_act_of_ones_own_is_known_by_its_place_in_every_process(
    write: Write, runner: MakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write()
    (path.parent / "my_acts_here.py").write_text(ACTS)
    monkeypatch.syspath_prepend(str(path.parent))
    for words in ("my_acts_here:bent", "my_acts_here:bent(beta=1.0)"):
        arm = Arm("own", (Edit("swap-act", {"act": words, "init": "match"}),))
        one = runner(path)
        one.run([arm], [0])
        assert one.runs["own", 0].problem == ""
        assert one.runs["own", 0].value is not None
    arm = Arm("own", (Edit("swap-act", {"act": "bent", "init": "keep"}),))
    one = runner(path, imports=("my_acts_here",))
    one.run([arm], [0])
    assert one.runs["own", 0].problem == ""
    with pytest.raises(UsageError, match=r"is no act; an act of one's own is a function under"):
        act("my_acts_here:curved")
    with pytest.raises(UsageError, match=r"cannot import 'no_such_module_here'"):
        act("no_such_module_here:bent")


def test_the_plan_says_how_often_and_what_is_real(write: Write, runner: MakeRunner) -> None:
    text = "import subprocess, wandb\nfrom urllib import request\nimport os\nos.system('ls')\n"
    one = runner(write(text=text), jobs=2)
    lines = plan_lines(one.setting, "5 to 51 times", [2.5])
    assert lines[0].startswith("train.py will run 5 to 51 times, 2 at a time; it took 2.5 s before")
    assert "processes (subprocess, os.system)" in lines[1]
    assert "trackers (wandb; they are switched off)" in lines[1]
    assert effect_words(real_effects(write_healthy(one))) == ""
    assert runs_of_compare(2, 5, 0) == 20  # the recorded run is the base's first


def write_healthy(one: TrialRunner) -> Path:
    path = Path(one.setting.program.target).parent / "fine.py"
    path.write_text("import torch, numpy\n")
    return path
