"""A warm process that forks one child for every shot.

Importing torch takes longer than many a trial's training. The hatchery imports it, and what the
user's script imports from installed packages, once; every shot is a fork of it: a fresh process
with its own random state, its own modules of the user's, its own end. A fork is safe only while
the process has a single thread and has not touched a device: the hatchery counts its threads
before each fork, and starts a new interpreter instead where there is more than one, or where the
system has no fork. It waits for its children by their handles, without a thread, so one hatchery
serves all shots that run at the same time.

Read by `nest.py`: a line of JSON in (a number, a job and its scratch folder), a line of JSON out
when it has ended (the number and its exit status). Nothing else is written to the real stdout.
"""

import ast
import contextlib
import importlib
import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

from relume.trial.runner.job import TrialJob, job_of

STARTER = (
    "import sys\n"
    "if sys.path and sys.path[0] == '': sys.path.pop(0)\n"  # a random.py of the user's is not ours
    "from relume.trial.pool.forkserver import {} as main\n"
    "main()"
)
ALWAYS = ("torch", "numpy", "torch._dynamo", "relume.trial.runner.run_arm", "scipy.stats")
"""torch._dynamo comes with the first optimiser that is made, and takes as long as torch itself."""
SHARED = sys.platform.startswith("linux") and hasattr(os, "pidfd_open")
"""Whether a hatchery can wait for several shots; elsewhere each runs one at a time."""


def main() -> None:
    """Serve until stdin ends, which ends what still runs."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    if SHARED:
        _serve(answers)
        return
    warmed = False
    while line := sys.stdin.readline():
        request = json.loads(line)
        if not warmed:
            warm_up(job_of(request["job"]))
            warmed = True
        status = _started(request).wait()
        answers.write(json.dumps({"number": request["number"], "status": status}) + "\n")


def _serve(answers: TextIO) -> None:
    """Start a shot for every request, and answer as each ends."""
    shots: dict[int, tuple[int, Child]] = {}  # by the handle: the request's number, the child
    rest, warmed = b"", False
    while True:
        ready, _, _ = select.select([0, *shots], [], [])
        for handle in ready:
            if handle in shots:
                number, child = shots.pop(handle)
                os.close(handle)
                answers.write(json.dumps({"number": number, "status": child.wait()}) + "\n")
        if 0 not in ready:
            continue
        given = os.read(0, 1 << 16)
        if not given:
            break
        *lines, rest = (rest + given).split(b"\n")
        for request in map(json.loads, lines):
            if not warmed:
                warm_up(job_of(request["job"]))
                warmed = True
            child = _forked(request, (answers.fileno(), *shots)) if _may_fork() else None
            child = child or _started(request)
            shots[os.pidfd_open(child.pid)] = request["number"], child
    for _, child in shots.values():
        child.kill()
    os._exit(0)


def is_alone() -> None:
    """One shot in this interpreter."""
    request = json.loads(sys.stdin.readline())
    _fire(job_of(request["job"]), Path(request["scratch"]))


def warm_up(job: TrialJob) -> None:
    """Import what every shot will."""
    for name in ALWAYS:
        importlib.import_module(name)
    from relume.diagnosis import all_rules
    from relume.fixes.ladder import all_fixes

    all_rules()
    all_fixes()
    for name in modules_to_preload(job):
        with contextlib.suppress(BaseException):  # the script will meet it, and say so
            importlib.import_module(name)


def modules_to_preload(job: TrialJob) -> list[str]:
    """Installed packages that the script imports at its top level, in its order.

    A module of the user's is never imported here: it runs with each shot's seeds and edits.
    """
    home = job.program.target.rpartition(":")[0] if job.program.call else job.program.target
    path = Path(home)
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    found: dict[str, None] = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            found.update(dict.fromkeys(alias.name for alias in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found[node.module] = None
    return [name for name in found if _installed(name, path.resolve().parent)]


def _installed(name: str, beside: Path) -> bool:
    top = name.partition(".")[0]
    if (beside / f"{top}.py").exists() or (beside / top).exists() or top == "relume":
        return False
    with contextlib.suppress(Exception):
        spec = importlib.util.find_spec(top)
        return spec is not None and "site-packages" in (spec.origin or "")
    return False


def _may_fork() -> bool:
    torch: Any = sys.modules.get("torch")
    device = torch is not None and torch.cuda.is_initialized()
    return not device and len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208


class Child(Protocol):
    """A shot that runs."""

    @property
    def pid(self) -> int:
        """Its process."""
        ...

    def wait(self) -> int:
        """Its exit status, when it has ended, and all that it started with it."""
        ...

    def kill(self) -> None:
        """End it."""
        ...


@dataclass(frozen=True, slots=True)
class Fork:
    """A fork of the hatchery, the first of its own process group."""

    pid: int

    def wait(self) -> int:
        """Its exit status; what it started and left behind goes too."""
        _, status = os.waitpid(self.pid, 0)
        _kill_group(self.pid)
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        """End the group."""
        _kill_group(self.pid)


def _forked(request: dict[str, Any], inherited: Iterable[int]) -> Fork:
    """A fork that runs the shot, without the hatchery's handles."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setpgid(0, 0)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _die_with_parent()
            for handle in inherited:
                os.close(handle)
            _fire(job_of(request["job"]), Path(request["scratch"]))
            code = 0
        finally:
            os._exit(code)  # no exit handler of the hatchery's runs in a child
    with contextlib.suppress(OSError):
        os.setpgid(child, child)
    return Fork(child)


def _kill_group(leader: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(leader, signal.SIGKILL)


def _die_with_parent() -> None:
    """Ask Linux to end this process when the hatchery is killed."""
    with contextlib.suppress(Exception):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _started(request: dict[str, Any]) -> subprocess.Popen[str]:
    """A new interpreter that runs the shot."""
    command = [sys.executable, "-c", STARTER.format("lone")]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
    with contextlib.suppress(OSError):  # it has died: its exit status says so
        sender: Any = child.stdin
        sender.write(json.dumps(request) + "\n")
        sender.close()
    return child


def _fire(job: TrialJob, scratch: Path) -> None:
    """Run the shot with its output captured, and leave ``shot.json`` in `scratch`."""
    output = scratch / "output.txt"
    sink = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  (what was buffered is not theirs)
    sys.stdout.reconfigure(line_buffering=False)  # type: ignore[union-attr]
    from relume.trial.runner.job import dump
    from relume.trial.runner.run_arm import run_arm

    text = dump(run_arm(job, scratch, output))
    (scratch / "shot.tmp").write_text(text)
    (scratch / "shot.tmp").rename(scratch / "shot.json")
