"""Trials a minute: the engine on two cores, on one, and a loop over `python script.py`.

    python benchmarks/trials.py [--rounds 3] [--pairs 6]

The three ways take turns (A B C A B C), each runs the same pairs of a short training on digits, and
the medians over the rounds are compared. The loop only trains: it records and judges nothing.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from relume.proof import Arm, Edit
from relume.trial import nest
from relume.trial.crew import Crew, Setting, Where, program_of
from relume.trial.settle import BASE

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "digits_high_lr.py"
SLOWER = Arm("slower", (Edit("lower-learning-rate", {"factor": 0.1}),))


def engine(jobs: int, pairs: int, epochs: int) -> float:
    """Seconds for these pairs, hatcheries started anew."""
    nest.nests.close()
    folder = Path(tempfile.mkdtemp())
    program = program_of(str(EXAMPLE), ("--epochs", str(epochs)))
    # one thread a process in both, so that only their number differs
    crew = Crew(Setting(program, folder=folder, where=Where(jobs=jobs)))
    begun = perf_counter()
    crew.run([BASE, SLOWER], range(pairs))
    seconds = perf_counter() - begun
    shutil.rmtree(folder)
    return seconds


def loop(pairs: int, epochs: int) -> float:
    """Seconds for as many runs, one `python script.py` after the other."""
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    begun = perf_counter()
    for seed in range(pairs):
        for rate in ("0.1", "0.01"):
            words = ["--epochs", str(epochs), "--seed", str(seed), "--lr", rate]
            command = [sys.executable, str(EXAMPLE), *words]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=env)
    return perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()
    ways = {
        "two at a time": lambda: engine(2, args.pairs, args.epochs),
        "one at a time": lambda: engine(1, args.pairs, args.epochs),
        "loop over python script.py": lambda: loop(args.pairs, args.epochs),
    }
    seen: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(args.rounds):
        for name, way in ways.items():
            seen[name].append(way())
    best = statistics.median(seen["two at a time"])
    print(f"{args.pairs} pairs of {EXAMPLE.name} --epochs {args.epochs}, {os.cpu_count()} cores")
    print("| way | seconds, median (least to most) | pairs a minute | two at a time is faster by |")
    print("|---|---|---|---|")
    for name, times in seen.items():
        middle = statistics.median(times)
        print(
            f"| {name} | {middle:.1f} ({min(times):.1f} to {max(times):.1f}) | "
            f"{60 * args.pairs / middle:.1f} | {middle / best:.2f} |"
        )
    nest.nests.close()


if __name__ == "__main__":
    main()
