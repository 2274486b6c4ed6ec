"""Runs the arms of a trial through joblib or Ray; caches each run as it finishes."""

import contextlib
import importlib
import json
import os
import socket
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import joblib

from relume.core.trial import Arm, Objective, TrialRun
from relume.errors import UsageError
from relume.trial.judge.objective import kind_of
from relume.trial.pool import forkserver_client
from relume.trial.pool.trial_cache import TrialCache
from relume.trial.runner.job import Program, TrialJob, dump, run_of

Progress = Callable[[int, int, TrialRun | None], None]
"""Called after every run with the numbers of finished and planned runs, and the run."""
BASE_JOB = Arm("base", role="base")
BACKENDS = ("local", "dask", "ray")
SLACK, SHORTEST = 10.0, 60.0
"""Times the base, and at least in seconds, after which a run counts as hanging: an arm may be slow,
and a machine busy, but not that much."""


def silent(done: int, planned: int, run: TrialRun | None) -> None:
    """Report no progress."""


@dataclass(frozen=True, slots=True)
class ExecutionPlace:
    """Where the runs of a trial take place.

    Attributes:
        backend: ``"local"`` (processes here), ``"dask"`` or ``"ray"``.
        address: of the cluster; empty: the backend finds one itself.
        jobs: runs at the same time; 0: one for each core here, or as many as the cluster takes.
    """

    backend: str = "local"
    address: str = ""
    jobs: int = 0

    def count(self) -> int:
        """Return the number of runs at the same time."""
        if self.backend != "local":
            return self.jobs or -1
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
        return self.jobs or cores or os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class TrialSetting:
    """The conditions that all arms of a trial share.

    Attributes:
        program: the user's program.
        steps: end each run after this many optimiser steps; None: let it finish.
        objective: what is judged; None: what fits the runs (`judge/objective.py`).
        folder: for run files and the cache.
        where: where the runs take place.
        every: record every this many steps; None: within the recorder's budget.
        again: run also what is in the cache.
        timeout: end a run after so many seconds; None: `SLACK` times the longest run of the base.
        imports: modules that register acts of the user's own.
        least: the least effect worth a change, in the objective's unit; None: by the base's runs.
        recorded: whether every run is recorded and diagnosed, and not its losses alone.
    """

    program: Program
    steps: int | None = None
    objective: Objective | None = None
    folder: Path = Path(".relume")
    where: ExecutionPlace = field(default_factory=ExecutionPlace)
    every: int | None = None
    again: bool = False
    timeout: float | None = None
    imports: tuple[str, ...] = ()
    least: float | None = None
    recorded: bool = True

    def job(self, arm: Arm, seed: int, keep: str = "") -> TrialJob:
        """Return the job of one run of an arm."""
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
            timeout=self.timeout or 0.0,
            imports=self.imports,
            recorded=self.recorded or bool(keep),
        )


class TrialRunner:
    """Runs arms at seeds, and keeps the runs by arm and seed.

    Args:
        setting: the conditions of all runs.
        progress: called after every run.
    """

    def __init__(self, setting: TrialSetting, progress: Progress = silent) -> None:
        self.setting = setting
        self.progress = progress
        self.runs: dict[tuple[str, int], TrialRun] = {}
        self.executed = 0
        self.resumed = 0
        self.confirmations = 0  # winners that were tried on fresh seeds, for the correction
        self._cache = TrialCache(setting.folder, setting.job(BASE_JOB, 0))

    @property
    def cache_file(self) -> Path:
        """The file with the finished runs."""
        return self._cache.path

    def run(self, arms: Sequence[Arm], seeds: Iterable[int]) -> None:
        """Run these arms at these seeds, and put the results into `runs`.

        Cached runs are reused. The others run seed by seed, all arms of one before the next, so
        that an interruption leaves whole pairs. Where no run of the program as it is is known, one
        goes first, alone: it tells how long a run takes and whether the program uses a GPU.
        """
        wanted = [(arm, seed) for seed in seeds for arm in arms]
        if not self.setting.again:
            for key, run in self._cache.finished_runs(arms).items():
                if key not in self.runs and any((a.name, k) == key for a, k in wanted):
                    self.runs[key] = run
                    self.resumed += 1
        todo = [(arm, seed) for arm, seed in wanted if (arm.name, seed) not in self.runs]
        planned = len(wanted)
        self.progress(planned - len(todo), planned, None)
        by_name = {arm.name: arm for arm in arms}
        done = planned - len(todo)
        for part in self._base_first(todo):
            jobs = [self._job(arm, seed) for arm, seed in part]
            for run in run_jobs(jobs, self._place()):
                done += 1
                self.add(by_name[run.arm], run)
                self.progress(done, planned, run)
        self._again_alone([(arm, seed) for arm, seed in todo])

    def _base_first(self, todo: Sequence[tuple[Arm, int]]) -> list[list[tuple[Arm, int]]]:
        first = [] if self._bases() else [one for one in todo if one[0].role == "base"][:1]
        return [part for part in (first, [one for one in todo if one not in first]) if part]

    def _again_alone(self, made: Sequence[tuple[Arm, int]]) -> None:
        """Run once more, one at a time, what something outside the training has ended.

        Raises:
            UsageError: the program as it is was ended again: no trial can be made here.
        """
        for arm, seed in made:
            run = self.runs.get((arm.name, seed))
            if run is None or not run.stopped or "--timeout" in run.stopped:
                continue
            for second in run_jobs([self._job(arm, seed)], replace(self._place(), jobs=1)):
                self.add(arm, second)
                self.progress(len(made), len(made), second)
            still = self.runs[arm.name, seed].stopped
            if still and arm.role == "base":
                raise UsageError(
                    f"the script as it is was ended twice, the second time alone: {still}."
                )

    def _job(self, arm: Arm, seed: int, keep: str = "") -> TrialJob:
        job = self.setting.job(arm, seed, keep)
        known = [run.seconds for run in self._bases() if run.loss and not run.stopped]
        limit = max(SHORTEST, SLACK * max(known)) if known else 0.0
        return job if job.timeout else replace(job, timeout=limit)

    def _place(self) -> ExecutionPlace:
        """Return where the runs take place: one at a time where the program uses a GPU."""
        device = any("device" in run.metrics for run in self._bases())
        local = self.setting.where.backend == "local"
        return replace(self.setting.where, jobs=1) if device and local else self.setting.where

    def _bases(self) -> list[TrialRun]:
        return [run for (name, _), run in self.runs.items() if name == "base"]

    def record_no_more(self) -> None:
        """Let the runs from now on give their losses alone: recording and diagnosing a run of some
        seconds takes as long again."""
        self.setting = replace(self.setting, recorded=False)
        self._cache = TrialCache(self.setting.folder, self.setting.job(BASE_JOB, 0))

    def add(self, arm: Arm, run: TrialRun) -> None:
        """Add a finished run, and cache it; one that was not recorded gets the base's chance, where
        it has the base's criterion."""
        if not self.setting.recorded and "chance" not in run.metrics:
            run = replace(run, metrics={**run.metrics, **self._chance(run)})
        self.runs[run.arm, run.seed] = run
        self.executed += 1
        if not run.stopped:  # those are run again next time
            self._cache.add(arm, run)

    def _chance(self, run: TrialRun) -> dict[str, float]:
        kind = kind_of(run.criterion)
        known = (base for base in self._bases() if kind_of(base.criterion) == kind)
        levels = [base.metrics["chance"] for base in known if "chance" in base.metrics]
        return {"chance": levels[0]} if levels else {}

    def known_seconds(self) -> list[float]:
        """Return the seconds of the runs of the program as it is that are cached."""
        runs = self._cache.finished_runs([BASE_JOB]).values()
        return [run.seconds for run in runs if run.loss]

    def forget(self, arm: str) -> None:
        """Drop the runs of this name, which stands for other edits from now on."""
        self.runs = {key: run for key, run in self.runs.items() if key[0] != arm}

    def run_recorded(self, arm: Arm, folder: Path) -> TrialRun:
        """Run the arm at seed 0 and keep its run file in `folder`, for a diagnosis."""
        cached = {} if self.setting.again else self._cache.finished_runs([arm])
        run = cached.get((arm.name, 0))
        if run is not None and run.run and Path(run.run).is_file():
            self.runs[arm.name, 0] = run
            self.resumed += 1
            return run
        folder.mkdir(parents=True, exist_ok=True)
        self.progress(0, 1, None)
        for run in run_jobs([self._job(arm, 0, str(folder.resolve()))], ExecutionPlace(jobs=1)):
            self.add(arm, run)
            self.progress(1, 1, run)
            return run
        raise KeyboardInterrupt


def run_jobs(jobs: Sequence[TrialJob], where: ExecutionPlace) -> Generator[TrialRun]:
    """Run these jobs, and yield each run as it finishes.

    Raises:
        UsageError: the backend is not there.
        KeyboardInterrupt: the user pressed Ctrl-C; the running runs have been ended.
    """
    if not jobs:
        return
    if where.backend == "ray":
        yield from _by_ray(jobs, where)
        return
    with _backend(where) as options:
        run_one: Any = forkserver_client.run_in_forkserver
        tasks: list[Any] = [joblib.delayed(run_one)(dump(job)) for job in jobs]
        # one at a time, so that a worker that dies takes one run with it
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
    """Yield the options for joblib, with the client of a Dask cluster open."""
    if where.backend == "local":
        # threads, which wait for the processes that train (`pool/forkserver_client.py`)
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
    """Run the jobs as Ray tasks: Ray's joblib backend yields no run before the last one is done.

    Ray runs a task whose worker died again; each task yields one run.

    Raises:
        UsageError: there is no Ray, no cluster answers, or it ended before the last run did.
    """
    if find_spec("ray") is None:
        raise UsageError("--backend ray needs Ray; install it with: pip install ray.")
    _require_listener(where.address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else Ray sends usage data
    ray: Any = importlib.import_module("ray")
    started_here = not ray.is_initialized()
    if started_here:
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        try:
            ray.init(address=where.address or None, **quiet)
        except (ConnectionError, ValueError, RuntimeError) as error:
            reason = str(error).split("\n")[0][:200]
            raise UsageError(f"no Ray cluster answers at {where.address!r}: {reason}") from None
    try:
        yield from _ray_tasks(ray, jobs, where.jobs)
    except ray.exceptions.RayError as error:
        reason = str(error).split("\n")[0][:200]
        raise UsageError(
            f"Ray ended before the last run did: {reason} Finished runs are kept; the same command "
            "goes on from there."
        ) from None
    finally:
        if started_here:
            ray.shutdown()


def _require_listener(address: str) -> None:
    """Check that a server listens at ``host:port``: Ray itself would try for minutes.

    Raises:
        UsageError: none listens.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not host or not port.isdecimal():  # "auto", or none: Ray finds one itself
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"no Ray cluster answers at {address!r}: {reason}.") from None


def _ray_tasks(ray: Any, jobs: Sequence[TrialJob], most: int) -> Generator[TrialRun]:
    task: Any = ray.remote(forkserver_client.run_in_forkserver)
    waiting = [dump(job) for job in reversed(jobs)]
    running: list[Any] = []
    while waiting or running:
        while waiting and (not most or len(running) < most):
            running.append(task.remote(waiting.pop()))
        done, running = ray.wait(running, num_returns=1)
        for text in ray.get(done):
            if text:
                yield run_of(json.loads(text))


def program_of(
    target: str, argv: Sequence[str], *, module: bool = False, call: bool = False
) -> Program:
    """Return the program of a target, to run in the current folder."""
    resolved = target
    if not module and (not call or target.rpartition(":")[0].endswith(".py")):
        resolved = str(Path(target).absolute())
    return Program(resolved, tuple(argv), module, call, str(Path.cwd()))


def callable_name(function: Callable[..., Any]) -> str:
    """Return the name by which another process imports it: ``file.py:name`` or ``pkg.mod:name``.

    Raises:
        UsageError: a lambda, or a function inside another: no process can import those.
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
