"""Runs shots: those that are not in the store yet, through joblib, each kept as it finishes."""

import contextlib
import importlib
import json
import os
import socket
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import joblib

from relume.core.trial import Arm, Objective, TrialRun
from relume.errors import UsageError
from relume.trial.pool import forkserver_client
from relume.trial.pool.trial_cache import TrialCache
from relume.trial.runner.job import Program, TrialJob, dump, run_of

Progress = Callable[[int, int, TrialRun | None], None]
"""Told after every shot: how many are done, how many are planned, and the shot."""
BACKENDS = ("local", "dask", "ray")


def silent(done: int, planned: int, shot: TrialRun | None) -> None:
    """Progress that nobody looks at."""


@dataclass(frozen=True, slots=True)
class ExecutionPlace:
    """Where shots run.

    Attributes:
        backend: ``"local"`` (processes here), ``"dask"`` or ``"ray"``.
        address: of the cluster; empty: the backend's own way to find one.
        jobs: shots at the same time; 0: one for each core here, or whatever the cluster has.
    """

    backend: str = "local"
    address: str = ""
    jobs: int = 0

    def count(self) -> int:
        """Shots at the same time."""
        if self.backend != "local":
            return self.jobs or -1
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
        return self.jobs or cores or os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class TrialSetting:
    """What all arms of a trial share.

    Attributes:
        program: what runs.
        steps: end each run after so many optimiser steps; None: let it end.
        objective: what is judged; None: what fits (see `objective.py`).
        folder: where runs and trials are kept.
        where: where shots run.
        every: record every so many steps; None: within the recorder's budget.
        again: run also what is in the store.
    """

    program: Program
    steps: int | None = None
    objective: Objective | None = None
    folder: Path = Path(".relume")
    where: ExecutionPlace = field(default_factory=ExecutionPlace)
    every: int | None = None
    again: bool = False

    def job(self, arm: Arm, seed: int, keep: str = "") -> TrialJob:
        """One shot of an arm under this setting."""
        count = self.where.count()
        return TrialJob(
            program=self.program,
            arm=arm,
            seed=seed,
            steps=self.steps,
            objective=self.objective or Objective(),
            every=self.every,
            threads=0 if count == 1 else 1,  # as many processes as cores: a core for each
            keep=keep,
        )


class TrialRunner:
    """Fires the shots of a setting, and remembers them by arm and seed.

    Args:
        setting: what all shots share.
        progress: told after every shot.
    """

    def __init__(self, setting: TrialSetting, progress: Progress = silent) -> None:
        self.setting = setting
        self.progress = progress
        self.shots: dict[tuple[str, int], TrialRun] = {}
        self.fired = 0
        self.resumed = 0
        self._store = TrialCache(setting.folder, setting.job(Arm("base", role="base"), 0))
        self._renewed: set[tuple[str, int]] = set()

    @property
    def kept_in(self) -> Path:
        """The file that holds the finished shots."""
        return self._store.path

    def run(self, arms: Sequence[Arm], seeds: Iterable[int]) -> None:
        """Have every shot of these arms at these seeds in `shots`.

        Those in the store are taken from there; the others are run, all arms of a seed before the
        next seed, so that whatever stops it leaves whole pairs.
        """
        wanted = [(arm, seed) for seed in seeds for arm in arms]
        if not self.setting.again:
            for key, shot in self._store.known(arms).items():
                if key not in self.shots and any((a.name, k) == key for a, k in wanted):
                    self.shots[key] = shot
                    self.resumed += 1
        todo = [(arm, seed) for arm, seed in wanted if (arm.name, seed) not in self.shots]
        planned = len(wanted)
        self.progress(planned - len(todo), planned, None)
        by_name = {arm.name: arm for arm in arms}
        jobs = [self.setting.job(arm, seed) for arm, seed in todo]
        for at, shot in enumerate(run_job(jobs, self.setting.where), planned - len(todo) + 1):
            self.keep(by_name[shot.arm], shot)
            self.progress(at, planned, shot)

    def keep(self, arm: Arm, shot: TrialRun) -> None:
        """Count a finished shot, once."""
        self.shots[shot.arm, shot.seed] = shot
        self.fired += 1
        if not shot.problem.startswith(("the process", "there is no")):  # those may be tried again
            self._store.add(arm, shot)

    def forget(self, arm: str) -> None:
        """The name stands for other edits from now on."""
        self.shots = {key: shot for key, shot in self.shots.items() if key[0] != arm}

    def first(self, arm: Arm, keep: Path) -> TrialRun:
        """The arm at seed 0 with its run file kept, for a diagnosis."""
        known = {} if self.setting.again else self._store.known([arm])
        shot = known.get((arm.name, 0))
        if shot is not None and shot.run and Path(shot.run).is_file():
            self.shots[arm.name, 0] = shot
            self.resumed += 1
            return shot
        keep.mkdir(parents=True, exist_ok=True)
        job = self.setting.job(arm, 0, str(keep.resolve()))
        for shot in run_job([job], ExecutionPlace(jobs=1)):
            self.keep(arm, shot)
            return shot
        raise KeyboardInterrupt


def run_job(jobs: Sequence[TrialJob], where: ExecutionPlace) -> Generator[TrialRun]:
    """The shots of these jobs as they finish.

    Raises:
        UsageError: a backend that is not there.
        KeyboardInterrupt: as the user gave it, when the running shots have been ended.
    """
    if not jobs:
        return
    if where.backend == "ray":
        yield from _by_ray(jobs, where)
        return
    with _backend(where) as options:
        fire: Any = forkserver_client.run_in_forkserver
        tasks: list[Any] = [joblib.delayed(fire)(dump(job)) for job in jobs]
        # one at a time, so that a worker that dies takes one shot with it
        options |= {"batch_size": 1, "return_as": "generator_unordered"}
        parallel: Any = joblib.Parallel(**options)
        results = parallel(tasks)
        try:
            for text in results:
                if text:
                    yield run_of(json.loads(text))
        except BaseException:
            forkserver_client.forkservers.close()
            raise
        finally:
            with contextlib.suppress(Exception):
                results.close()


@contextmanager
def _backend(where: ExecutionPlace) -> Generator[dict[str, Any]]:
    """Options for joblib, with the cluster's client open where there is one."""
    if where.backend == "local":
        # threads that wait for the processes that train (`nest.py`)
        yield {"backend": "threading", "n_jobs": where.count()}
        return
    if find_spec("distributed") is None:
        raise UsageError("--backend dask needs Dask; install it with: pip install 'relume[dask]'.")
    from distributed import Client

    if not where.address:
        raise UsageError("--backend dask needs --address, such as tcp://host:8786.")
    try:
        client: Any = Client(where.address, timeout=10, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        reason = str(error).split("\n")[0][:200]
        raise UsageError(f"no Dask scheduler answers at {where.address!r}: {reason}.") from None
    try:
        with joblib.parallel_config(backend="dask", client=client):
            yield {"n_jobs": where.jobs or -1}
    finally:
        client.close()


def _by_ray(jobs: Sequence[TrialJob], where: ExecutionPlace) -> Generator[TrialRun]:
    """As Ray's own tasks: its backend for joblib gives no shot before the last one is done.

    A task whose worker dies is run again by Ray, and answers once.
    """
    if find_spec("ray") is None:
        raise UsageError("--backend ray needs Ray; install it with: pip install ray.")
    _reached(where.address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
    ray: Any = importlib.import_module("ray")
    ours = not ray.is_initialized()
    if ours:
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            ray.init(address=where.address or None, **quiet)
        except (ConnectionError, ValueError, RuntimeError) as error:
            reason = str(error).split("\n")[0][:200]
            raise UsageError(f"no Ray cluster answers at {where.address!r}: {reason}") from None
    try:
        yield from _of_ray(ray, jobs, where.jobs)
    finally:
        if ours:
            ray.shutdown()


def _reached(address: str) -> None:
    """Whether somebody listens at ``host:port``: Ray itself would try for minutes.

    Raises:
        UsageError: nobody does.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdecimal():  # "auto", or none: Ray's own way to find one
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"no Ray cluster answers at {address!r}: {reason}.") from None


def _of_ray(ray: Any, jobs: Sequence[TrialJob], most: int) -> Generator[TrialRun]:
    fire: Any = ray.remote(forkserver_client.run_in_forkserver)
    left = [dump(job) for job in reversed(jobs)]
    running: list[Any] = []
    while left or running:
        while left and (not most or len(running) < most):
            running.append(fire.remote(left.pop()))
        done, running = ray.wait(running, num_returns=1)
        for text in ray.get(done):
            if text:
                yield run_of(json.loads(text))


def program_of(
    target: str, argv: Sequence[str], *, module: bool = False, call: bool = False
) -> Program:
    """A program to be run from here."""
    given = target
    if not module and (not call or target.rpartition(":")[0].endswith(".py")):
        given = str(Path(target).absolute())
    return Program(given, tuple(argv), module, call, str(Path.cwd()))


def callable_name(function: Callable[..., Any]) -> str:
    """How another process finds this function: ``file.py:name`` or ``pkg.mod:name``.

    Raises:
        UsageError: a lambda, or a function inside another: nothing finds those.
    """
    name = getattr(function, "__qualname__", "")
    home = getattr(function, "__module__", "")
    if not name or "<" in name:
        raise UsageError(f"{function!r} cannot be run elsewhere; give a function of a module.")
    file = getattr(sys.modules.get(home), "__file__", None)
    if home == "__main__" or (file and "site-packages" not in file):
        if not file:
            raise UsageError(f"{name} lives in no file; put it into one that can be imported.")
        return f"{Path(file).absolute()}:{name}"
    return f"{home}:{name}"
