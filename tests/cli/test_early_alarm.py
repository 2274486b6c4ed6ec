"""The line at the first NaN, on a terminal, while the script still runs."""

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

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


def on_a_terminal(folder: Path, *words: str, until: str = "") -> str:
    """What a terminal shows of a run; the script ends once `until` was shown."""
    (folder / "train.py").write_text(SCRIPT, "utf-8")
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


def test_a_run_without_nan_and_a_quiet_one_are_told_nothing(tmp_path: Path) -> None:
    assert "see it now" not in on_a_terminal(tmp_path, "train.py", "0.001")
    assert "see it now" not in on_a_terminal(tmp_path, "--quiet", "train.py", "1e30")
