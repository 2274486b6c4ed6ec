"""A warm process that forks one child for every shot.

Importing torch takes longer than many a trial's training. The hatchery imports it, and what the
user's script imports from installed packages, once; every shot is a fork of it: a fresh process
with its own random state, its own modules of the user's, its own end. A fork is safe only while
the process has a single thread and has not touched a device: the hatchery counts its threads
before each fork, and starts a new interpreter instead where there is more than one, or where the
system has no fork.

Read by `nest.py`: a line of JSON in (a job and its scratch folder), a line of JSON out when it has
ended. Nothing else is written to the real stdout.
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
from pathlib import Path
from typing import Any

from relume.trial.wire import Job, job_of

STARTER = (
    "import sys\n"
    "if sys.path and sys.path[0] == '': sys.path.pop(0)\n"  # a random.py of the user's is not ours
    "from relume.trial.hatchery import {} as main\n"
    "main()"
)
ALWAYS = ("torch", "numpy", "torch._dynamo", "relume.trial.shoot", "scipy.stats")
"""torch._dynamo comes with the first optimiser that is made, and takes as long as torch itself."""


def main() -> None:
    """Serve until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    warmed = False
    while line := sys.stdin.readline():
        request = json.loads(line)
        job, scratch = job_of(request["job"]), Path(request["scratch"])
        if not warmed:
            warm(job)
            warmed = True
        status = _forked(job, scratch) if _may_fork() else _started(request)
        answers.write(json.dumps({"status": status}) + "\n")


def lone() -> None:
    """One shot in this interpreter."""
    request = json.loads(sys.stdin.readline())
    _fire(job_of(request["job"]), Path(request["scratch"]))


def warm(job: Job) -> None:
    """Import what every shot will."""
    for name in ALWAYS:
        importlib.import_module(name)
    from relume.diagnosis import all_rules
    from relume.fixes.ladder import all_fixes

    all_rules()
    all_fixes()
    for name in wanted(job):
        with contextlib.suppress(BaseException):  # the script will meet it, and say so
            importlib.import_module(name)


def wanted(job: Job) -> list[str]:
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
    if not hasattr(os, "fork") or not sys.platform.startswith("linux"):
        return False
    torch: Any = sys.modules.get("torch")
    device = torch is not None and torch.cuda.is_initialized()
    return not device and len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208


def _forked(job: Job, scratch: Path) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setpgid(0, 0)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _die_with_parent()
            _fire(job, scratch)
            code = 0
        finally:
            os._exit(code)  # no exit handler of the hatchery's runs in a child
    with contextlib.suppress(OSError):
        os.setpgid(child, child)
    return _waited(child)


def _waited(child: int) -> int:
    """The child's exit status; if our reader goes away meanwhile, the child goes too."""
    handle = os.pidfd_open(child)
    try:
        while True:
            ready, _, _ = select.select([handle, 0], [], [])
            if handle in ready:
                break
            _kill_group(child)  # stdin can only have ended: nothing is sent before the answer
            os.waitpid(child, 0)
            os._exit(1)
    finally:
        os.close(handle)
    _, status = os.waitpid(child, 0)
    _kill_group(child)  # whatever it started and left behind
    return os.waitstatus_to_exitcode(status)


def _kill_group(leader: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(leader, signal.SIGKILL)


def _die_with_parent() -> None:
    """Ask Linux to end this process when the hatchery is killed."""
    with contextlib.suppress(Exception):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _started(request: dict[str, Any]) -> int:
    command = [sys.executable, "-c", STARTER.format("lone")]
    done = subprocess.run(command, input=json.dumps(request) + "\n", text=True, check=False)
    return done.returncode


def _fire(job: Job, scratch: Path) -> None:
    """Run the shot with its output captured, and leave ``shot.json`` in `scratch`."""
    output = scratch / "output.txt"
    sink = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  (what was buffered is not theirs)
    sys.stdout.reconfigure(line_buffering=False)  # type: ignore[union-attr]
    from relume.trial.shoot import shoot
    from relume.trial.wire import dump

    text = dump(shoot(job, scratch, output))
    (scratch / "shot.tmp").write_text(text)
    (scratch / "shot.tmp").rename(scratch / "shot.json")
