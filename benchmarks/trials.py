"""Trials a minute: the engine on two cores, on one, and a loop over `python script.py`.

    python benchmarks/trials.py --epochs 3 10                # on a quiet machine, ten minutes
    python benchmarks/trials.py [--rounds 3] [--pairs 6] [--no-loop]

The three ways take turns (A B C A B C), each runs the same pairs of a short training on digits, and
the medians over the rounds are compared. The loop only trains: it records and judges nothing.

torch is imported once, by one process, whatever the number of runs at a time; no second core can
help it. "After the start": runs a minute from the first finished ones on, which a longer trial
comes to.

On a machine that does other work as well the seconds say little. "Wanting a core" does not depend
on it: the time that the processes of a way ran or waited for a core (Linux's schedstat), over the
time that passed. Two processes that nothing holds up but the lack of cores want two of them. The
seconds that they ran, over the cores that they wanted, are the seconds that it would take alone.
"""

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from time import perf_counter

from relume.core.trial import Arm, Edit, TrialRun
from relume.trial.paired_trial import BASE
from relume.trial.pool import forkserver_client
from relume.trial.scheduler import ExecutionPlace, TrialRunner, TrialSetting, program_of

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "digits_high_lr.py"
SLOWER = Arm("slower", (Edit("lower-learning-rate", {"factor": 0.1}),))


class Wanting:
    """Watches all processes below this one: seconds in which each ran, and waited for a core."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[float, float]] = {}
        self.before: dict[int, tuple[float, float]] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Wanting":
        self.before = dict(_wanted_by(_below(os.getpid())))
        self.begun = perf_counter()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = perf_counter() - self.begun
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.05):
            self.seen |= _wanted_by(_below(os.getpid()))

    @property
    def cores(self) -> float:
        """How many cores were wanted on average."""
        return (self._sum(0) + self._sum(1)) / self.seconds

    @property
    def alone(self) -> float:
        """Seconds that it would take on a machine that does nothing else."""
        return self._sum(0) / self.cores

    def _sum(self, which: int) -> float:
        nothing = (0.0, 0.0)
        return sum(x[which] - self.before.get(pid, nothing)[which] for pid, x in self.seen.items())


def _below(pid: int) -> list[int]:
    found: list[int] = []
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, tasks.read_text().split()):
                found += [child, *_below(child)]
    return found


def _wanted_by(pids: list[int]) -> dict[int, tuple[float, float]]:
    found: dict[int, tuple[float, float]] = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            ran, waited, _ = map(int, Path(f"/proc/{pid}/schedstat").read_text().split())
            found[pid] = ran / 1e9, waited / 1e9
    return found


def engine(jobs: int, pairs: int, epochs: int) -> tuple[float, float]:
    """Seconds for these pairs, the fork server started anew, and runs a minute after the start."""
    forkserver_client.forkservers.close()
    folder = Path(tempfile.mkdtemp())
    program = program_of(str(EXAMPLE), ("--epochs", str(epochs)))
    # one thread a process in both, so that only their number differs
    ends: list[float] = []

    def ended(done: int, planned: int, run: TrialRun | None) -> None:
        if run is not None:
            ends.append(perf_counter())

    runner = TrialRunner(
        TrialSetting(program, folder=folder, where=ExecutionPlace(jobs=jobs)), ended
    )
    begun = perf_counter()
    runner.run([BASE, SLOWER], range(pairs))
    seconds = perf_counter() - begun
    shutil.rmtree(folder)
    return seconds, 60 * (len(ends) - jobs) / (ends[-1] - ends[jobs - 1])


def loop(pairs: int, epochs: int) -> tuple[float, float]:
    """Seconds for as many runs, one `python script.py` after the other, and runs a minute."""
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    begun = perf_counter()
    for seed in range(pairs):
        for rate in ("0.1", "0.01"):
            words = ["--epochs", str(epochs), "--seed", str(seed), "--lr", rate]
            command = [sys.executable, str(EXAMPLE), *words]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=env)
    seconds = perf_counter() - begun
    return seconds, 60 * 2 * pairs / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--no-loop", action="store_true", help="only the engine")
    parser.add_argument("--epochs", type=int, nargs="+", default=[3])
    args = parser.parse_args()
    for epochs in args.epochs:
        compared(args.rounds, args.pairs, epochs, loops=not args.no_loop)
    forkserver_client.forkservers.close()


def compared(rounds: int, pairs: int, epochs: int, *, loops: bool) -> None:
    """A table of the three ways."""
    ways = {
        "two at a time": lambda: engine(2, pairs, epochs),
        "one at a time": lambda: engine(1, pairs, epochs),
    }
    if loops:
        ways["loop over python script.py"] = lambda: loop(pairs, epochs)
    seen: dict[str, list[float]] = {name: [] for name in ways}
    after: dict[str, list[float]] = {name: [] for name in ways}
    cores: dict[str, list[float]] = {name: [] for name in ways}
    alone: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            with Wanting() as wanting:
                seconds, pace = way()
            seen[name].append(seconds)
            after[name].append(pace)
            cores[name].append(wanting.cores)
            alone[name].append(wanting.alone)
    best = statistics.median(seen["two at a time"])
    fastest = statistics.median(after["two at a time"])
    print(f"\n{pairs} pairs of {EXAMPLE.name} --epochs {epochs}, {os.cpu_count()} cores")
    print(
        "| way | seconds, median (least to most) | pairs a minute | two at a time is faster by "
        "| runs a minute after the start | two at a time is faster by | wanting a core "
        "| seconds alone |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, times in seen.items():
        middle, pace = statistics.median(times), statistics.median(after[name])
        print(
            f"| {name} | {middle:.1f} ({min(times):.1f} to {max(times):.1f}) | "
            f"{60 * pairs / middle:.1f} | {middle / best:.2f} | {pace:.1f} | "
            f"{fastest / pace:.2f} | {statistics.median(cores[name]):.2f} | "
            f"{statistics.median(alone[name]):.1f} |"
        )


if __name__ == "__main__":
    main()
