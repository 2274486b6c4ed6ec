"""A fork server: a process with torch imported that forks one child for every run.

Importing torch takes longer than many a trial's training. The server imports torch, and the
installed packages that the user's script imports, once. Every run is a fork of it: a fresh process
with its own random state, its own copy of the user's modules and its own exit. A fork is safe only
while the process has a single thread and has not used a device: the server counts its threads
before each fork, and starts a new interpreter instead where there is more than one, or where the
system is not Linux. It never waits for a single child, so one server runs several at the same time.

`forkserver_client.py` talks to it over the socket on stdin. A request is the path of a scratch
folder with ``job.json``, and a pipe; when the run has ended, its exit status is written to the
pipe. The pipe of a server that was killed closes without one.
"""

import ast
import contextlib
import gc
import importlib
import importlib.util
import os
import select
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from relume.trial.runner.job import TrialJob, dump, job_of

STARTER = (
    "import sys\n"
    "if sys.path and sys.path[0] == '': sys.path.pop(0)\n"  # the user may have a random.py
    "from relume.trial.pool.forkserver import {} as main\n"
    "main()"
)
TIMED_OUT = b"time"  # in the place of an exit status
ALWAYS = (
    *("torch", "numpy", "torch._dynamo", "scipy.stats"),
    *("relume.trial.runner.run_arm", "relume.record.recorder", "relume.fixes.apply"),
)
"""Imported before the first fork; the first optimiser imports torch._dynamo, as slow as torch."""


def main() -> None:
    """Serve requests until the client closes the socket; then kill the running children."""
    os.dup2(2, 1)
    control = socket.socket(fileno=0)
    wake, waker = os.pipe()  # readable once a child has ended
    os.set_blocking(waker, False)
    signal.signal(signal.SIGCHLD, _no_op)  # a signal without a handler wakes nobody
    signal.set_wakeup_fd(waker)
    running: dict[int, int] = {}  # process id -> pipe for its exit status
    ends: dict[int, float] = {}  # process id -> when its time is up
    warmed = False
    while True:
        ready, _, _ = select.select([control, wake], [], [], _until(ends, running))
        for child in [pid for pid, end in ends.items() if end <= time.monotonic()]:
            del ends[child]
            if child in running:
                os.write(running[child], TIMED_OUT)
                _kill_group(child)
        if wake in ready:
            os.read(wake, 1 << 12)
            _report_ended(running)
        if control not in ready:
            continue
        request, pipes, _, _ = socket.recv_fds(control, 1 << 12, 1)
        if not request:
            break
        scratch = Path(os.fsdecode(request))
        try:
            job = read_job(scratch)
        except OSError:  # Ctrl-C: the client has removed its folder, and waits no more
            os.close(pipes[0])
            continue
        if not warmed:
            warm_up(job)
            warmed = True
        os.set_inheritable(pipes[0], False)
        own = (wake, waker, *pipes, *running.values())
        child = _fork(scratch, own) if _may_fork() else _spawn(scratch)
        running[child] = pipes[0]
        if job.timeout:
            ends[child] = time.monotonic() + job.timeout
    for child in running:
        _kill_group(child)
    for folder in sys.argv[1:2]:
        shutil.rmtree(folder, ignore_errors=True)  # also where the client was killed
    os._exit(0)


def _until(ends: dict[int, float], running: dict[int, int]) -> float | None:
    """Return the seconds until the first limit of a running child; None without one."""
    for child in [pid for pid in ends if pid not in running]:
        del ends[child]
    return max(0.0, min(ends.values()) - time.monotonic()) if ends else None


def _no_op(number: int, frame: object) -> None:
    pass


def _report_ended(running: dict[int, int]) -> None:
    """Write the exit status of each child that has ended, and kill what it left running."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
            child, status = ended
            pipe = running.pop(child, None)  # none: an import in `warm_up` started it
            if pipe is None:
                continue
            _kill_group(child)
            with contextlib.suppress(OSError):
                os.write(pipe, str(os.waitstatus_to_exitcode(status)).encode())
            os.close(pipe)


def run_single() -> None:
    """Run one job, whose scratch folder is the argument, in this interpreter."""
    _die_with_parent()
    _run(Path(sys.argv[1]))


def write_job(job: TrialJob, scratch: Path) -> None:
    """Write a job into its scratch folder."""
    (scratch / "job.json").write_text(dump(job))


def read_job(scratch: Path) -> TrialJob:
    """Read the job of a scratch folder."""
    return job_of((scratch / "job.json").read_text())


def warm_up(job: TrialJob) -> None:
    """Import what every run needs, and keep it out of the children's garbage collections.

    A collection writes to every object that it visits, so that a child would copy all the memory
    that it shares with the server.
    """
    for name in ALWAYS:
        importlib.import_module(name)
    from relume.diagnosis import all_rules
    from relume.fixes.architecture.swap_act import find
    from relume.fixes.ladder import all_fixes

    find("relu")  # the first look-up imports all acts
    all_rules()
    all_fixes()
    for name in modules_to_preload(job):
        with contextlib.suppress(BaseException):  # the script will fail on it too, and report it
            importlib.import_module(name)
    gc.collect()
    gc.freeze()


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
    linux = sys.platform == "linux"
    return linux and not device and len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208


def _fork(scratch: Path, own: Iterable[int]) -> int:
    """Fork a child that runs the job, without the server's file handles; return its process id.

    The child leads its own process group.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            _die_with_parent()
            for handle in own:
                os.close(handle)
            _run(scratch)
            code = 0
        finally:
            os._exit(code)  # a child must not run the server's exit handlers
    with contextlib.suppress(OSError):
        os.setpgid(child, child)
    return child


def _spawn(scratch: Path) -> int:
    """Start a new interpreter that runs the job; return its process id."""
    command = [sys.executable, "-c", STARTER.format("run_single"), str(scratch)]
    empty = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    return os.posix_spawn(sys.executable, command, os.environ, file_actions=[empty], setpgroup=0)


def _kill_group(leader: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(leader, signal.SIGKILL)


def _die_with_parent() -> None:
    """Ask Linux to kill this process when the server is killed."""
    with contextlib.suppress(Exception):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _run(scratch: Path) -> None:
    """Run the job with its output captured, and write ``run.json`` into `scratch`."""
    output = scratch / "output.txt"
    sink = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  (drop buffered input)
    sys.stdout.reconfigure(line_buffering=False)  # type: ignore[union-attr]
    from relume.trial.runner.run_arm import run_arm

    text = dump(run_arm(read_job(scratch), scratch, output))
    (scratch / "run.tmp").write_text(text)
    (scratch / "run.tmp").rename(scratch / "run.json")
