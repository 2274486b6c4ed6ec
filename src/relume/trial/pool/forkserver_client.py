"""Where shots are fired from: a hatchery, which is kept warm.

`fire` is what joblib calls, in a thread here or in a worker elsewhere. It hands a job to the
hatchery of its process, and waits. On Linux one serves all shots that run at the same time, so that
torch is imported once; elsewhere there is one for each.
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
    """One hatchery process; threads may share it."""

    def __init__(self, threads: int) -> None:
        env = dict(os.environ)
        env.setdefault("PYTHONHASHSEED", "0")  # sets of words are walked alike in every arm
        if threads:
            env |= dict.fromkeys(_THREADS, str(threads))
        else:
            # NumPy's OpenBLAS starts its threads as it is imported, and a process that has threads
            # must not be forked; torch starts its own when it first needs them.
            env.setdefault("OPENBLAS_NUM_THREADS", "1")
        command = [sys.executable, "-c", STARTER.format("main")]
        self.threads = threads
        self.running = 0
        self._lock = threading.Lock()
        self._numbers = count()
        self._waiting: dict[int, Queue[int | None]] = {}
        self._over = False
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
            start_new_session=True,  # Ctrl-C is ours to handle
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def alive(self) -> bool:
        """Whether it can take a job."""
        return self._process.poll() is None

    def fire(self, job: TrialJob, scratch: Path) -> int | None:
        """Run a job to its end; its exit status, or None if the hatchery has died."""
        answer: Queue[int | None] = Queue()
        sender: IO[str] | Any = self._process.stdin
        with self._lock:
            if self._over:
                return None
            number = next(self._numbers)
            request = {"number": number, "job": dump(job), "scratch": str(scratch)}
            self._waiting[number] = answer
            try:
                sender.write(json.dumps(request) + "\n")
                sender.flush()
            except (OSError, ValueError):
                self._waiting.pop(number)
                return None
        return answer.get()

    def _read(self) -> None:
        """Hand every answer to who waits for it; at the end, say to the others that none comes."""
        answers: IO[str] | Any = self._process.stdout
        with contextlib.suppress(OSError, ValueError):
            for line in answers:
                answer = json.loads(line)
                self._waiting.pop(answer["number"]).put(int(answer["status"]))
        self._forsake()

    def _forsake(self) -> None:
        with self._lock:
            self._over = True
            for answer in self._waiting.values():
                answer.put(None)
            self._waiting.clear()

    def close(self) -> None:
        """End it, and the shots that it is running."""
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
    """The hatcheries of this process, made as they are needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: list[ForkServerClient] = []
        self._closed = 0

    def take(self, threads: int) -> tuple[ForkServerClient, int]:
        """A hatchery that can take a job, and the number of closings so far."""
        with self._lock:
            for nest in list(self._known):
                if nest.alive and nest.threads == threads and (SHARED or not nest.running):
                    break
                if not nest.running:
                    self._known.remove(nest)
                    nest.close()
            else:
                nest = ForkServerClient(threads)
                self._known.append(nest)
            nest.running += 1
            return nest, self._closed

    def give(self, nest: ForkServerClient) -> None:
        """It has one job less."""
        with self._lock:
            nest.running -= 1

    def close(self) -> None:
        """End all of them, with the shots that run in them."""
        with self._lock:
            nests, self._known = self._known, []
            self._closed += 1
        for nest in nests:
            nest.close()

    @property
    def closings(self) -> int:
        """How often they were closed."""
        return self._closed


forkservers = ForkServerPool()
atexit.register(forkservers.close)


def run_in_forkserver(text: str) -> str:
    """Run a job given as JSON; the shot as JSON, or an empty text where it was interrupted."""
    job = job_of(text)
    wrong = _elsewhere(job)
    if wrong:
        return dump(TrialRun(job.arm.name, job.seed, problem=wrong))
    scratch = Path(tempfile.mkdtemp(prefix="relume-"))  # short: sockets below it have 108 letters
    try:
        nest, before = forkservers.take(job.threads)
        status = nest.fire(job, scratch)
        forkservers.give(nest)
        if forkservers.closings > before:
            return ""
        return dump(_answer(job, scratch, status))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _elsewhere(job: TrialJob) -> str:
    """On another machine the script must stand in the same place."""
    home = job.program.target.rpartition(":")[0] if job.program.call else job.program.target
    missing = not job.program.module and home.endswith(".py") and not Path(home).exists()
    if missing or not Path(job.program.cwd).is_dir():
        where = home if missing else job.program.cwd
        return f"there is no {where} on this worker; a shared file system is needed"
    return ""


def _answer(job: TrialJob, scratch: Path, status: int | None) -> TrialRun:
    file, output = scratch / "shot.json", scratch / "output.txt"
    said = output.read_text("utf-8", "replace")[-TAIL:] if output.exists() else ""
    if file.exists():
        shot = run_of(json.loads(file.read_text()))
        return replace(shot, output=shot.output or said)
    if status is not None and status < 0:
        why = f"the process was ended by signal {-status} ({signal.Signals(-status).name})"
    elif status is None:
        why = "the process that runs the shots ended"
    else:
        why = f"the process ended with exit code {status}"
    return TrialRun(job.arm.name, job.seed, problem=why, output=said)
