"""Starts fork servers, sends them jobs, and waits for the results.

joblib calls `run_in_forkserver`, in a thread here or in a worker elsewhere. It sends a job to a
fork server of its process, and waits. On Linux one server runs all jobs of the process, so that
torch is imported once; elsewhere each job has a server of its own.
"""

import atexit
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from itertools import count
from pathlib import Path
from queue import Queue
from typing import IO, Any

from relume.core.trial import TrialRun
from relume.trial.pool.forkserver import SHARED, STARTER
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
        command = [sys.executable, "-c", STARTER.format("main")]
        self.threads = threads
        self.running = 0
        self._lock = threading.Lock()
        self._numbers = count()
        self._pending: dict[int, Queue[int | None]] = {}
        self._ended = False
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
            start_new_session=True,  # this process handles Ctrl-C
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether it can run a job."""
        return self._process.poll() is None

    def run(self, job: TrialJob, scratch: Path) -> int | None:
        """Run a job to its end; return its exit status, or None if the server has died."""
        answer: Queue[int | None] = Queue()
        sender: IO[str] | Any = self._process.stdin
        with self._lock:
            if self._ended:
                return None
            number = next(self._numbers)
            request = {"number": number, "job": dump(job), "scratch": str(scratch)}
            self._pending[number] = answer
            try:
                sender.write(json.dumps(request) + "\n")
                sender.flush()
            except (OSError, ValueError):
                self._pending.pop(number)
                return None
        return answer.get()

    def _read(self) -> None:
        """Give every answer to the thread that waits for it; at the end give the others None."""
        answers: IO[str] | Any = self._process.stdout
        with contextlib.suppress(OSError, ValueError):
            for line in answers:
                answer = json.loads(line)
                self._pending.pop(answer["number"]).put(int(answer["status"]))
        self._fail_pending()

    def _fail_pending(self) -> None:
        with self._lock:
            self._ended = True
            for answer in self._pending.values():
                answer.put(None)
            self._pending.clear()

    def close(self) -> None:
        """End the server and its running children."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()


class ForkServerPool:
    """The fork servers of this process, started when needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: list[ForkServerClient] = []
        self._close_count = 0

    def acquire(self, threads: int) -> tuple[ForkServerClient, int]:
        """Return a fork server that can run a job, and how often the pool was closed so far."""
        with self._lock:
            for client in list(self._clients):
                if client.alive and client.threads == threads and (SHARED or not client.running):
                    break
                if not client.running:
                    self._clients.remove(client)
                    client.close()
            else:
                client = ForkServerClient(threads)
                self._clients.append(client)
            client.running += 1
            return client, self._close_count

    def release(self, client: ForkServerClient) -> None:
        """Count one job of the server as ended."""
        with self._lock:
            client.running -= 1

    def close(self) -> None:
        """End all servers with their running children."""
        with self._lock:
            clients, self._clients = self._clients, []
            self._close_count += 1
        for client in clients:
            client.close()

    @property
    def close_count(self) -> int:
        """How often the pool was closed."""
        return self._close_count


forkservers = ForkServerPool()
atexit.register(forkservers.close)


def run_in_forkserver(text: str) -> str:
    """Run a job given as JSON; return the run as JSON, or an empty text if interrupted."""
    job = job_of(text)
    problem = _missing_here(job)
    if problem:
        return dump(TrialRun(job.arm.name, job.seed, problem=problem))
    scratch = Path(tempfile.mkdtemp(prefix="relume-"))  # short: a socket path has at most 108 bytes
    try:
        client, before = forkservers.acquire(job.threads)
        status = client.run(job, scratch)
        forkservers.release(client)
        if forkservers.close_count > before:
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


def _result(job: TrialJob, scratch: Path, status: int | None) -> TrialRun:
    file, output = scratch / "run.json", scratch / "output.txt"
    tail = output.read_text("utf-8", "replace")[-TAIL:] if output.exists() else ""
    if file.exists():
        run = run_of(json.loads(file.read_text()))
        return replace(run, output=run.output or tail)
    if status is not None and status < 0:
        why = f"the process was ended by signal {-status} ({signal.Signals(-status).name})"
    elif status is None:
        why = "the process that runs the shots ended"
    else:
        why = f"the process ended with exit code {status}"
    return TrialRun(job.arm.name, job.seed, problem=why, output=tail)
