"""Finished runs are kept, each once, whatever ends the trial."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from arms import BASE, SLOWER

from relume.core.trial import TrialRun
from relume.errors import UsageError
from relume.trial.pool.forkserver_client import forkservers
from relume.trial.scheduler import ExecutionPlace, TrialRunner, TrialSetting, program_of

Write = Callable[..., Path]
MakeRunner = Callable[..., TrialRunner]


def test_a_second_look_runs_nothing(write: Write, runner: MakeRunner) -> None:
    path = write()
    first = runner(path, jobs=2)
    first.run([BASE, SLOWER], range(2))
    again = runner(path, jobs=2)
    again.run([BASE, SLOWER], range(2))
    assert (first.executed, again.executed, again.resumed) == (4, 0, 4)
    assert again.runs == first.runs


def test_a_changed_script_is_run_again(write: Write, runner: MakeRunner) -> None:
    path = write(each="import helper")
    helper = path.parent / "helper.py"
    helper.write_text("a = 1\n")
    runner(path).run([BASE], [0])
    helper.write_text("a = 2\n")  # a file that the script imports
    again = runner(path)
    again.run([BASE], [0])
    assert again.executed == 1


def test_other_conditions_are_other_trials(write: Write, runner: MakeRunner) -> None:
    path = write()
    runner(path).run([BASE], [0])
    assert runner(path, steps=5).cache_file != runner(path).cache_file
    assert runner(path, "--lr", "1").cache_file != runner(path).cache_file


def test_a_line_that_was_cut_off_is_passed_over(write: Write, runner: MakeRunner) -> None:
    path = write()
    first = runner(path)
    first.run([BASE], [0, 1])
    text = first.cache_file.read_text()
    first.cache_file.write_text(text[:-40])
    again = runner(path)
    again.run([BASE], [0, 1])
    assert (again.executed, again.resumed) == (1, 1)
    last = runner(path)
    last.run([BASE], [0, 1])
    assert (last.executed, last.resumed) == (0, 2)


def test_a_run_written_twice_counts_once(write: Write, runner: MakeRunner) -> None:
    path = write()
    first = runner(path)
    first.run([BASE], [0])
    first.cache_file.write_text(first.cache_file.read_text() * 2)
    again = runner(path)
    again.run([BASE], [0])
    assert list(again.runs) == [("base", 0)]


def test_a_process_that_was_killed_is_tried_again(write: Write, runner: MakeRunner) -> None:
    path = write(end="import os, signal; os.kill(os.getpid(), 9)")
    with pytest.raises(UsageError, match=r"ended twice.*signal 9 \(SIGKILL, as the system does"):
        runner(path).run([BASE], [0])
    again = runner(path)
    with pytest.raises(UsageError, match="ended twice"):
        again.run([BASE], [0])
    assert again.executed == 2  # once, and once alone


@pytest.mark.skipif(sys.platform != "linux", reason="a fork server forks on Linux only")
@pytest.mark.parametrize("jobs", [1, 2])
def test_every_run_is_a_fork_of_the_warm_process(
    write: Write, runner: MakeRunner, jobs: int
) -> None:
    """Also where one runs at a time, with all cores: NumPy must not have started its threads."""
    # a fork has the command line of the warm process, a new interpreter its own
    command = "open('/proc/self/cmdline').read()"
    path = write(end=f"import relume; relume.report_metric('run_single' not in {command})")
    found = runner(path, jobs=jobs)
    found.run([BASE], range(2))
    assert [run.metrics["reported:metric:max"] for run in found.runs.values()] == [1.0, 1.0]


def test_runs_at_the_same_time_share_one_warm_process(write: Write, runner: MakeRunner) -> None:
    """Torch is imported once; a run that dies takes no other with it."""
    slower = "loss > 1.08"  # the arm ends at 1.12, the base at 1.04
    end = f"import os; torch.initial_seed() == 3 and {slower} and os.kill(os.getpid(), 9)"
    path = write(end=end)  # at repetition 0 of the arm, also when it is tried again alone
    both = runner(path, jobs=2)
    both.run([BASE, SLOWER], range(2))
    assert len(forkservers._clients) == 1
    assert [key for key, run in both.runs.items() if run.stopped] == [("slower", 0)]
    for key in (("base", 1), ("slower", 1)):
        one = runner(path, again=True)
        one.run([BASE, SLOWER], [1])
        assert one.runs[key].loss == both.runs[key].loss


def test_runs_of_a_fork_server_that_dies_are_made_again(write: Write, runner: MakeRunner) -> None:
    path = write(each="import time; time.sleep(0.05)", steps=100)
    forkservers.close()

    def kill() -> None:
        _wait(lambda: bool(forkservers._clients))
        forkservers._clients[0]._process.kill()

    def begun(done: int, planned: int, run: TrialRun | None) -> None:
        if run is None:
            threading.Timer(0.5, kill).start()

    both = TrialRunner(runner(path, jobs=2).setting, begun)
    both.run([BASE], range(2))
    assert both.executed in (3, 4)  # what ended with it, once more; on a busy machine one of two
    assert all(run.problem == "" and run.loss for run in both.runs.values())


INTERRUPTED = """
import signal, sys
from pathlib import Path
from relume.cli.app import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
sys.exit(main(["prove", "--dir", sys.argv[1], "-j", "1", "--seeds", "3",
               "--edit", "lower-learning-rate:factor=0.1", sys.argv[2]]))
"""


def test_ctrl_c_keeps_what_is_finished(write: Write, tmp_path: Path) -> None:
    path = write(each="import time; time.sleep(0.01)", steps=20)
    runs = tmp_path / "runs"
    command = [sys.executable, "-c", INTERRUPTED, str(runs), str(path)]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(runs.glob("trials/*.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "finished runs are kept in" in said
    assert "Traceback" not in said
    kept = next(runs.glob("trials/*.jsonl"))
    before = kept.read_text().splitlines()
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, 1)
    lines = kept.read_text().splitlines()
    assert lines[: len(before)] == before  # nothing finished was run again
    assert max(Counter(line[:60] for line in lines).values()) == 1


@pytest.mark.slow  # a scheduler and two workers, each with its own torch
@pytest.mark.filterwarnings("ignore")  # of distributed's own, on Python 3.11
def test_a_dask_worker_dies_and_no_pair_is_lost_or_counted_twice(
    write: Write, tmp_path: Path
) -> None:
    pytest.importorskip("distributed")
    path = write(each="import time; time.sleep(0.01)", steps=20)
    scheduler = _start(
        "scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--no-dashboard",
        "--scheduler-file",
        str(tmp_path / "scheduler.json"),
    )
    workers = []
    try:
        _wait((tmp_path / "scheduler.json").exists)
        workers = [
            _start(
                "worker",
                "--scheduler-file",
                str(tmp_path / "scheduler.json"),
                "--nthreads",
                "1",
                "--no-nanny",
                "--no-dashboard",
                "--local-directory",
                str(tmp_path),
            )
            for _ in range(2)
        ]
        import json

        address = json.loads((tmp_path / "scheduler.json").read_text())["address"]
        finished: list[TrialRun] = []

        def killing(done: int, planned: int, run: TrialRun | None) -> None:
            if run is not None:
                finished.append(run)
                if len(finished) == 2:  # in the middle: both are at work
                    workers[0].kill()

        setting = TrialSetting(
            program_of(str(path), ()),
            folder=tmp_path / "runs",
            where=ExecutionPlace("dask", address),
        )
        runner = TrialRunner(setting, killing)
        _wait(lambda: _workers(address) == 2)
        runner.run([BASE, SLOWER], range(4))
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()
    wanted = {(arm.name, k) for arm in (BASE, SLOWER) for k in range(4)}
    assert set(runner.runs) == wanted
    assert Counter((s.arm, s.seed) for s in finished) == Counter(wanted)
    assert all(not s.problem and s.value is not None for s in finished)
    local = TrialRunner(
        TrialSetting(
            program_of(str(path), ()), folder=tmp_path / "here", where=ExecutionPlace(jobs=2)
        )
    )
    local.run([BASE, SLOWER], range(4))
    assert {k: s.loss for k, s in local.runs.items()} == {k: s.loss for k, s in runner.runs.items()}


def _start(what: str, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "distributed.cli.dask_" + what, *words]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _wait(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _workers(address: str) -> int:
    from distributed import Client

    with Client(address, timeout=30, set_as_default=False) as client:
        return len(client.scheduler_info()["workers"])


@pytest.mark.slow  # a Ray of its own, whose workers each have their own torch
@pytest.mark.filterwarnings("ignore")  # of Ray's own
@pytest.mark.skipif(sys.platform != "linux", reason="finds Ray's workers in /proc")
def test_a_ray_worker_dies_and_no_pair_is_lost_or_counted_twice(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_health_check_failure_threshold", "60")  # the machine may be busy
    path = write(each="import time; time.sleep(0.05)", steps=20)
    finished: list[TrialRun] = []
    killed: list[int] = []

    def killing(done: int, planned: int, run: TrialRun | None) -> None:
        if run is None:
            return
        finished.append(run)
        at_work = _ray_workers()
        if len(finished) >= 2 and not killed and at_work:
            os.kill(at_work[0], signal.SIGKILL)
            killed.append(at_work[0])

    program = program_of(str(path), ())
    where = ExecutionPlace("ray", jobs=2)
    runner = TrialRunner(TrialSetting(program, folder=tmp_path / "runs", where=where), killing)
    runner.run([BASE, SLOWER], range(4))
    wanted = {(arm.name, k) for arm in (BASE, SLOWER) for k in range(4)}
    assert killed
    assert set(runner.runs) == wanted
    assert Counter((s.arm, s.seed) for s in finished) == Counter(wanted)
    assert all(not s.problem and s.value is not None for s in finished)
    local = TrialRunner(
        TrialSetting(program, folder=tmp_path / "here", where=ExecutionPlace(jobs=2))
    )
    local.run([BASE, SLOWER], range(4))
    assert {k: s.loss for k, s in local.runs.items()} == {k: s.loss for k, s in runner.runs.items()}


def _ray_workers() -> list[int]:
    """Return the processes of the Ray that this process started which are at a task."""
    parents: dict[int, int] = {}
    titles: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            parents[int(folder.name)] = int(stat[1])
            titles[int(folder.name)] = (folder / "cmdline").read_text()
    own = [p for p, parent in parents.items() if parent == os.getpid()]
    grand = [p for p, parent in parents.items() if parent in own]
    return [p for p in grand if titles[p].startswith("ray::run_in_forkserver")]  # others: agents


def test_no_cluster_is_one_sentence() -> None:
    with pytest.raises(UsageError, match=r"install it with: pip install ray"):
        list(_fire(ExecutionPlace("ray")))
    with pytest.raises(UsageError, match=r"--backend dask needs --address"):
        list(_fire(ExecutionPlace("dask")))


class RayError(Exception):
    """What Ray raises where it lost its processes."""


class Ray(ModuleType):
    """What is asked of Ray, in this process: tasks, which run when they are waited for."""

    def __init__(self) -> None:
        super().__init__("ray")
        self.said: list[object] = []
        self.most = 0
        self.exceptions = SimpleNamespace(RayError=RayError)

    def is_initialized(self) -> bool:
        return False

    def init(self, **given: object) -> None:
        self.said.append(given["address"])

    def shutdown(self) -> None:
        self.said.append("down")

    def remote(self, function: Callable[[str], str]) -> SimpleNamespace:
        return SimpleNamespace(remote=lambda text: (function, text))

    def wait(self, running: list[Any], num_returns: int) -> tuple[list[Any], list[Any]]:
        self.most = max(self.most, len(running))
        return running[-num_returns:], running[:-num_returns]  # the last one is ready first

    def get(self, done: list[Any]) -> list[str]:
        return [function(text) for function, text in done]


def test_ray_gives_every_run_once_as_it_finishes(
    write: Write, runner: MakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a stand-in for Ray: the slow test above asks Ray itself, where it is installed."""
    ray = Ray()
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr("relume.trial.scheduler.find_spec", lambda name: name == "ray")
    setting = runner(write()).setting
    one = TrialRunner(replace(setting, where=ExecutionPlace("ray", jobs=2)))
    one.run([BASE, SLOWER], range(2))
    assert sorted(one.runs) == [("base", 0), ("base", 1), ("slower", 0), ("slower", 1)]
    assert all(run.value is not None for run in one.runs.values())
    assert (one.executed, ray.most) == (4, 2)
    assert ray.said == [None, "down"] * 2  # the script as it is goes first, alone


def test_a_ray_that_ends_is_told_and_what_is_finished_is_kept(
    write: Write, runner: MakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dying(Ray):
        def get(self, done: list[Any]) -> list[str]:
            if self.most == 3:
                raise RayError("the raylet died.\nSee raylet.out.")
            self.most = 3  # the next one
            return super().get(done)

    monkeypatch.setitem(sys.modules, "ray", Dying())
    monkeypatch.setattr("relume.trial.scheduler.find_spec", lambda name: name == "ray")
    setting = runner(write()).setting
    one = TrialRunner(replace(setting, where=ExecutionPlace("ray", jobs=2)))
    with pytest.raises(
        UsageError, match=r"^Ray ended before the last run did: the raylet died\. F"
    ):
        one.run([BASE], range(3))
    assert len(one.runs) == 1
    assert len(one.cache_file.read_text().splitlines()) == 1


def test_a_ray_cluster_that_is_not_there_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relume.trial.scheduler.find_spec", lambda name: name == "ray")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(UsageError, match=r"no Ray cluster answers at '127.0.0.1:\d+'"):
            list(_fire(ExecutionPlace("ray", address)))


def _fire(where: ExecutionPlace) -> list[TrialRun]:
    from relume.trial.scheduler import run_jobs

    job = TrialSetting(program_of("train.py", ())).job(BASE, 0)
    return list(run_jobs([job], where))


@pytest.mark.slow
def test_fork_servers_end_with_their_process(write: Write, tmp_path: Path) -> None:
    """Also when it is killed: no process of ours trains on for nobody."""
    path = write(each="import time; time.sleep(0.2)", steps=500)
    marker = f"relume-{os.getpid()}-{time.monotonic_ns()}"
    command = [sys.executable, "-c", INTERRUPTED, str(tmp_path / "runs"), str(path), marker]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _wait(lambda: bool(_children(running.pid)))
    time.sleep(1.0)
    family = _children(running.pid)
    running.kill()
    running.wait()
    _wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family))


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    found = [int(word) for word in text.split()]
    return found + [each for child in found for each in _children(child)]
