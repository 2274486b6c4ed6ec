"""The line at the first NaN or death, on a terminal, while the script still runs."""

import io
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from relume.cli.early_alarm import EarlyAlarm
from relume.core import Trace
from relume.record.store import run_file

SCRIPT = """
import sys, time, torch
from torch import nn
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=float(sys.argv[1]))
x = torch.randn(32, 4)
for _ in range(40):
    optimizer.zero_grad()
    (model(x) ** 2).mean().backward()
    optimizer.step()
until = time.time() + 60
while time.time() < until and not open("told").read():
    time.sleep(0.1)
print("the script goes on")
"""

DYING = SCRIPT.replace("for _ in range(40):", "for step in range(80):").replace(
    "optimizer.zero_grad()",
    "if step == 30:\n        model[0].bias.data -= 1e3\n    optimizer.zero_grad()",
)


def on_a_terminal(folder: Path, *words: str, until: str = "", script: str = SCRIPT) -> str:
    """What a terminal shows of a run; the script ends once `until` was shown."""
    (folder / "train.py").write_text(script.replace("(32, 4)", "(512, 4)"), "utf-8")
    (folder / "told").write_text("" if until else "go", "utf-8")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "relume", "run", *words]
    process = subprocess.Popen(command, cwd=folder, stderr=theirs, stdout=subprocess.DEVNULL)
    os.close(theirs)
    text = b""
    began = time.monotonic()
    while time.monotonic() - began < 100:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the terminal's other side is closed
            break
        text += part
        if not part:
            break
        if until.encode() in text:
            (folder / "told").write_text("go", "utf-8")
    process.wait(60)
    os.close(ours)
    return text.decode()


def test_the_first_nan_is_said_while_the_script_runs(tmp_path: Path) -> None:
    text = on_a_terminal(tmp_path, "train.py", "1e30", until="is NaN or infinite")
    assert text.count("is NaN or infinite; see it now: relume diagnose") == 1
    assert text.index("is NaN or infinite") < text.index("NOT LEARNING")


def test_a_layer_that_dies_is_said_while_the_script_runs(tmp_path: Path) -> None:
    text = on_a_terminal(
        tmp_path, "--every", "1", "train.py", "0.001", until="relume diagnose", script=DYING
    )
    said = "8 of the 8 units of 1 are dead since about step 30; see it now: relume diagnose"
    assert " ".join(text.split()).count(said) == 1, text
    assert text.index("see it now") < text.index("dead-units")


def test_looking_at_a_file_takes_one_percent_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, reads = [0.0], list[float]()

    def read(_path: Path) -> Trace:
        reads.append(now[0])
        now[0] += 0.1
        return Trace(meta={}, sites=(), table={}, units={}, facts=())

    monkeypatch.setattr(run_file, "read", read)
    alarm = EarlyAlarm(tmp_path / "run.sqlite", io.StringIO(), lambda: now[0])
    for _ in range(40):
        alarm()
        now[0] += 1
    assert len(reads) == 4  # every ten seconds, as each takes a tenth of one


def test_a_run_without_nan_and_a_quiet_one_are_told_nothing(tmp_path: Path) -> None:
    assert "see it now" not in on_a_terminal(tmp_path, "train.py", "0.001")
    assert "see it now" not in on_a_terminal(tmp_path, "--quiet", "train.py", "1e30")
