"""An attack: a small program that runs under `python` and under `relume run`, and what is compared.

Compared are stdout, stderr, the exit status or signal, and every file that is left behind with its
bytes. The programs print their losses and weights to the last bit.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import sleep

import relume

TRAIN = """
import hashlib, torch
def digest(model):
    parts = (value.detach().cpu().contiguous().numpy().tobytes() for value in model.state_dict().values())
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]
def net():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
def train(model=None, steps=12, each=lambda step: None):
    model = model or net()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for step in range(steps):
        loss = (model(torch.randn(16, 4)) - 1).square().mean()
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        each(step)
    print(loss.item().hex(), digest(model), flush=True)
    return model
"""


PARTS = ("code", "out", "err", "files")


@dataclass(frozen=True)
class Attack:
    """A program and how it is started.

    Attributes:
        text: the script.
        name: its file name.
        argv: its arguments.
        flags: of the interpreter.
        files: other files, by path; a text that begins with "->" makes a link.
        env: variables that are set for it; None takes one away.
        stdin: what it reads; None closes its input.
        target: what is run instead of `name`, such as `("-m", "pkg")`.
        send: signals sent to it one after the other, each once it has printed "ready".
        limit: why it may differ, in one sentence; then only `same` is compared.
        same: the streams that are compared: "out", "err", "code", "files".
        fast: it belongs to the sample that `make test` runs.
    """

    text: str
    name: str = "script.py"
    argv: Sequence[str] = ()
    flags: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    env: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    stdin: str | None = ""
    target: Sequence[str] | None = None
    send: Sequence[int] = ()
    limit: str = ""
    same: Sequence[str] = ("out", "err", "code", "files")
    fast: bool = False


@dataclass(frozen=True)
class Seen:
    """What a run showed to the world."""

    code: int
    out: str
    err: str
    files: dict[str, str]

    def part(self, name: str) -> object:
        return {"code": self.code, "out": self.out, "err": self.err, "files": self.files}[name]


def differences(plain: Seen, ours: Seen, same: Sequence[str]) -> list[str]:
    """What differs, a line each."""
    return [
        f"{part}: {plain.part(part)!r} under python, {ours.part(part)!r} under relume"
        for part in PARTS
        if part in same and plain.part(part) != ours.part(part)
    ]


def plainly(attack: Attack, folder: Path) -> Seen:
    """What `python SCRIPT` shows."""
    return _run(attack, folder, [sys.executable, *attack.flags])


def recorded(attack: Attack, folder: Path, *options: str) -> Seen:
    """What `relume run SCRIPT` shows, without its report."""
    runs = str(folder.parent / "runs")
    command = [sys.executable, *attack.flags, "-m", "relume", "run", "--exit-zero"]
    return _run(attack, folder, [*command, "--every", "1", "--dir", runs, *options])


def _run(attack: Attack, folder: Path, command: list[str]) -> Seen:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, text in {**attack.files, attack.name: attack.text}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("->"):
            path.symlink_to(text[2:])
        else:
            path.write_text(text, encoding="utf-8")
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "RELUME", "COV"))}
    env |= {"PYTHONPATH": str(Path(relume.__file__).parent.parent), "PYTHONHASHSEED": "0"}
    env |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    for name, value in attack.env.items():
        env.pop(name, None)
        if value is not None:
            env[name] = value.replace("SRC", str(Path(relume.__file__).parent.parent))
    target = list(attack.target or [attack.name])
    process = subprocess.Popen(
        [*command, *target, *attack.argv],
        cwd=folder,
        env=env,
        stdin=subprocess.PIPE if attack.stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=_as_in_a_shell,  # noqa: PLW1509 - the tests have one thread here
    )
    begun = b""
    for number in attack.send:
        assert process.stdout is not None
        while b"ready" not in (line := process.stdout.readline()):
            assert line, process.stderr and process.stderr.read()
            begun += line
        begun += line
        sleep(0.3)  # until it waits on the line after
        process.send_signal(number)
    text = None if attack.stdin is None else attack.stdin.encode()
    out, err = process.communicate(text, timeout=120)
    left = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    words = [each.decode("utf-8", "backslashreplace") for each in (begun + out, err)]
    return Seen(process.returncode, *words, left)


def _as_in_a_shell() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
