"""A fork server: a process with torch imported that forks one child for every run.

Importing torch takes longer than many a trial's training. The server imports torch, and the
installed packages that the user's script imports, once. Every run is a fork of it: a fresh process
with its own random state, its own copy of the user's modules and its own exit. A fork is safe only
while the process has a single thread and has not used a device: the server counts its threads
before each fork, and starts a new interpreter instead where there is more than one, or where the
system has no fork. It waits for its children by their process handles, without a thread, so one
server runs several children at the same time.

`forkserver_client.py` talks to it: a line of JSON in (a number, a job and its scratch folder), a
line of JSON out when the run has ended (the number and its exit status). Nothing else is written to
the real stdout.
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
    "if sys.path and sys.path[0] == '': sys.path.pop(0)\n"  # the user may have a random.py
    "from relume.trial.pool.forkserver import {} as main\n"
    "main()"
)
ALWAYS = ("torch", "numpy", "torch._dynamo", "relume.trial.runner.run_arm", "scipy.stats")
"""Imported before the first fork; the first optimiser imports torch._dynamo, as slow as torch."""
SHARED = sys.platform.startswith("linux") and hasattr(os, "pidfd_open")
"""Whether one fork server can run several children at the same time (on Linux)."""


def main() -> None:
    """Serve requests until stdin ends; then kill the running children."""
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
        status = _spawn(request).wait()
        answers.write(json.dumps({"number": request["number"], "status": status}) + "\n")


def _serve(answers: TextIO) -> None:
    """Start a child for every request, and answer when it ends."""
    children: dict[int, tuple[int, ChildProcess]] = {}  # handle -> (number of the request, child)
    rest, warmed = b"", False
    while True:
        ready, _, _ = select.select([0, *children], [], [])
        for handle in ready:
            if handle in children:
                number, child = children.pop(handle)
                os.close(handle)
                answers.write(json.dumps({"number": number, "status": child.wait()}) + "\n")
        if 0 not in ready:
            continue
        data = os.read(0, 1 << 16)
        if not data:
            break
        *lines, rest = (rest + data).split(b"\n")
        for request in map(json.loads, lines):
            if not warmed:
                warm_up(job_of(request["job"]))
                warmed = True
            child = _fork(request, (answers.fileno(), *children)) if _may_fork() else None
            child = child or _spawn(request)
            children[os.pidfd_open(child.pid)] = request["number"], child
    for _, child in children.values():
        child.kill()
    os._exit(0)


def run_single() -> None:
    """Run one job, read from stdin, in this interpreter."""
    request = json.loads(sys.stdin.readline())
    _run(job_of(request["job"]), Path(request["scratch"]))


def warm_up(job: TrialJob) -> None:
    """Import what every run needs."""
    for name in ALWAYS:
        importlib.import_module(name)
    from relume.diagnosis import all_rules
    from relume.fixes.ladder import all_fixes

    all_rules()
    all_fixes()
    for name in modules_to_preload(job):
        with contextlib.suppress(BaseException):  # the script will fail on it too, and report it
            importlib.import_module(name)


def modules_to_preload(job: TrialJob) -> list[str]:
    """Return the installed packages that the script imports at its top level, in order.

    The user's own modules are not among them: each run imports them with its seeds and edits.
    """
    home = job.program.target.rpartition(":")[0] if job.program.call else job.program.target
    path = Path(home)
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    names: dict[str, None] = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            names.update(dict.fromkeys(alias.name for alias in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names[node.module] = None
    return [name for name in names if _installed(name, path.resolve().parent)]


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


class ChildProcess(Protocol):
    """The process of a run."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    def wait(self) -> int:
        """Wait for its end; return its exit status."""
        ...

    def kill(self) -> None:
        """Kill it."""
        ...


@dataclass(frozen=True, slots=True)
class ForkedChild:
    """A fork of the server, the leader of its own process group."""

    pid: int

    def wait(self) -> int:
        """Wait for its end, kill what it left running, and return its exit status."""
        _, status = os.waitpid(self.pid, 0)
        _kill_group(self.pid)
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        """Kill the process group."""
        _kill_group(self.pid)


def _fork(request: dict[str, Any], inherited: Iterable[int]) -> ForkedChild:
    """Fork a child that runs the job, without the server's file handles."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setpgid(0, 0)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _die_with_parent()
            for handle in inherited:
                os.close(handle)
            _run(job_of(request["job"]), Path(request["scratch"]))
            code = 0
        finally:
            os._exit(code)  # a child must not run the server's exit handlers
    with contextlib.suppress(OSError):
        os.setpgid(child, child)
    return ForkedChild(child)


def _kill_group(leader: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(leader, signal.SIGKILL)


def _die_with_parent() -> None:
    """Ask Linux to kill this process when the server is killed."""
    with contextlib.suppress(Exception):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _spawn(request: dict[str, Any]) -> subprocess.Popen[str]:
    """Start a new interpreter that runs the job."""
    command = [sys.executable, "-c", STARTER.format("run_single")]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, text=True)
    with contextlib.suppress(OSError):  # it has died: its exit status shows it
        sender: Any = child.stdin
        sender.write(json.dumps(request) + "\n")
        sender.close()
    return child


def _run(job: TrialJob, scratch: Path) -> None:
    """Run the job with its output captured, and write ``run.json`` into `scratch`."""
    output = scratch / "output.txt"
    sink = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  (drop buffered input)
    sys.stdout.reconfigure(line_buffering=False)  # type: ignore[union-attr]
    from relume.trial.runner.job import dump
    from relume.trial.runner.run_arm import run_arm

    text = dump(run_arm(job, scratch, output))
    (scratch / "run.tmp").write_text(text)
    (scratch / "run.tmp").rename(scratch / "run.json")
