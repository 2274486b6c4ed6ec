"""How long the quick commands take, from the shell's point of view: no training, no torch.

python benchmarks/start.py [--times 9]

Wall time is what a person waits; CPU time is what a busy machine does not blow up. The first line
is an empty Python, the second what typer and rich cost before a line of relume runs.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

NOTHING = ("-c", "pass")
FOREIGN = ("-c", "import typer, typer.rich_utils")
COMMANDS = ("--version", "--help", "explain dead-units", "rules", "run --help", "fix --help")


def once(words: tuple[str, ...]) -> tuple[float, float]:
    """Wall and CPU seconds of one process."""
    before, start = os.times(), time.perf_counter()
    subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True)
    wall, after = time.perf_counter() - start, os.times()
    spent = after.children_user - before.children_user
    return wall, spent + after.children_system - before.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=9)
    times = parser.parse_args().times
    rows = {"python -c pass": NOTHING, "import typer and rich": FOREIGN}
    rows |= {f"relume {words}": ("-m", "relume", *words.split()) for words in COMMANDS}
    seen: dict[str, list[tuple[float, float]]] = {label: [] for label in rows}
    for _ in range(times + 1):  # in turn, so that a busy minute falls on all of them
        for label, words in rows.items():
            seen[label].append(once(words))
    print(f"{'':26} wall, median (least .. most)    CPU, median")
    for label, found in seen.items():
        wall, spent = ([each[i] for each in found[1:]] for i in (0, 1))  # the first fills caches
        spread = f"{min(wall):.3f} .. {max(wall):.3f}"
        print(
            f"{label:26} {statistics.median(wall):.3f} s ({spread})"
            f"       {statistics.median(spent):.3f} s"
        )


if __name__ == "__main__":
    main()
