"""Starts fork servers, sends them jobs, and waits for the results.

joblib calls `run_in_forkserver`, in a thread here or in a worker elsewhere. It sends a job to a
fork server of its process, and waits. One server runs all jobs of the process, so that torch is
imported once.
"""

import atexit
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

from relume.core.trial import TrialRun
from relume.trial.pool.forkserver import STARTER, write_job
from relume.trial.runner.job import TrialJob, dump, job_of, run_of

TAIL = 1500
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class ForkServerClient:
    """One fork server process, which threads may share."""

    def __init__(self, threads: int) -> None:
        env = dict(os.environ)
        env.setdefault("PYTHONHASHSEED", "0")  # the same order of sets of strings in every arm
        if threads:
            env |= dict.fromkeys(_THREADS, str(threads))
        else:
            # NumPy's OpenBLAS starts threads at import, and a process with threads must not fork;
            # torch starts its own at first use.
            env.setdefault("OPENBLAS_NUM_THREADS", "1")
        self.threads = threads
        self.running = 0
        self.closed = False
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair()
        # a short path, as that of a socket has at most 108 bytes; the server removes it at its end
        self.folder = Path(tempfile.mkdtemp(prefix="relume-"))
        command = [sys.executable, "-c", STARTER.format("main"), str(self.folder)]
        with theirs:  # a session of its own: this process handles Ctrl-C
            self._process = subprocess.Popen(
                command, stdin=theirs.fileno(), env=env, start_new_session=True
            )

    @property
    def alive(self) -> bool:
        """Whether it can run a job."""
        return self._process.poll() is None

    def run(self, job: TrialJob, scratch: Path) -> str:
        """Run a job to its end; return its exit status, ``"time"`` if its time was up, or ``""`` if
        the server has died."""
        write_job(job, scratch)
        reader, writer = os.pipe()
        with open(reader, closefd=True) as answer:  # noqa: PTH123  (a file handle)
            try:
                with self._lock:
                    socket.send_fds(self._control, [os.fsencode(scratch)], [writer])
            except OSError:
                return ""
            finally:
                os.close(writer)
            return answer.read()  # until the server closes the pipe

    def close(self) -> None:
        """End the server and its running children."""
        self.closed = True
        self._control.close()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class ForkServerPool:
    """The fork servers of this process, started when needed: one for each number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: list[ForkServerClient] = []

    def acquire(self, threads: int) -> ForkServerClient:
        """Return a fork server that can run a job; end those that no job needs any more."""
        with self._lock:
            for client in [each for each in self._clients if not each.running]:
                if not client.alive or client.threads != threads:
                    self._clients.remove(client)
                    client.close()
            usable = [each for each in self._clients if each.alive and each.threads == threads]
            if not usable:
                usable = [ForkServerClient(threads)]
                self._clients += usable
            usable[0].running += 1
            return usable[0]

    def release(self, client: ForkServerClient) -> None:
        """Count one job of the server as ended."""
        with self._lock:
            client.running -= 1

    def close(self) -> None:
        """End all servers with their running children."""
        with self._lock:
            clients, self._clients = self._clients, []
        for client in clients:
            client.close()


forkservers = ForkServerPool()
atexit.register(forkservers.close)


def run_in_forkserver(text: str) -> str:
    """Run a job given as JSON; return the run as JSON, or an empty text if interrupted."""
    job = job_of(text)
    problem = _missing_here(job)
    if problem:
        return dump(TrialRun(job.arm.name, job.seed, problem=problem, stopped=problem))
    client = forkservers.acquire(job.threads)
    try:
        scratch = Path(tempfile.mkdtemp(dir=client.folder))
    except OSError:  # closed in the meantime, or the disk is full
        forkservers.release(client)
        why = "no folder could be made for the run"
        return "" if client.closed else dump(TrialRun(job.arm.name, job.seed, stopped=why))
    try:
        status = client.run(job, scratch)
        forkservers.release(client)
        if client.closed:
            return ""
        return dump(_result(job, scratch, status))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _missing_here(job: TrialJob) -> str:
    """Say what this machine lacks: the script must be at the same path everywhere."""
    home = job.program.target.rpartition(":")[0] if job.program.call else job.program.target
    missing = not job.program.module and home.endswith(".py") and not Path(home).exists()
    if missing or not Path(job.program.cwd).is_dir():
        path = home if missing else job.program.cwd
        return f"there is no {path} on this worker; a shared file system is needed"
    return ""


def _result(job: TrialJob, scratch: Path, status: str) -> TrialRun:
    file, output = scratch / "run.json", scratch / "output.txt"
    tail = output.read_text("utf-8", "replace")[-TAIL:] if output.exists() else ""
    if file.exists():
        run = run_of(json.loads(file.read_text()))
        return replace(run, output=run.output or tail)
    why = _why(status, job)
    return TrialRun(job.arm.name, job.seed, problem=why, output=tail, stopped=why)


def _why(status: str, job: TrialJob) -> str:
    """Say why a run left no result; that is never evidence for or against its arm."""
    if status.startswith("time"):
        return f"it was ended after {job.timeout:.3g} s, the limit (--timeout)"
    if not status:
        return "the process that makes the runs ended"
    code = int(status)
    if code >= 0:
        return f"the process ended with exit code {code} before it had a result"
    name = signal.Signals(-code).name
    more = ", as the system does when memory runs out" if -code == signal.SIGKILL else ""
    return f"the process was ended by signal {-code} ({name}{more})"
