"""How long `import relume` takes, and how much is installed beyond torch, NumPy and SciPy.

    python benchmarks/weight.py [--download]

Import: medians over fresh processes, against an empty one. Size: the files of every distribution
that relume requires on this platform, by their own lists, without what torch, NumPy and SciPy bring
anyway; what a wheel holds, and beside it what Python's compiled files add to it once it is used.
With `--download` the wheels are fetched (by pip, into a temporary folder) and weighed as they come
over the line.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from time import perf_counter

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

GIVEN = ("torch", "numpy", "scipy")


def seconds(statement: str, repeats: int = 15) -> float:
    """Median wall time of a fresh process that runs `statement`."""
    taken: list[float] = []
    for _ in range(repeats):
        start = perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        taken.append(perf_counter() - start)
    return statistics.median(taken)


def needed(name: str, seen: set[str]) -> set[str]:
    """The distribution and all that it requires here, extras left out."""
    name = canonicalize_name(name)
    if name in seen:
        return seen
    try:
        requires = distribution(name).requires or []
    except PackageNotFoundError:
        return seen  # torch's own for another machine
    seen.add(name)
    for line in requires:
        asked = Requirement(line)
        if asked.marker is None or asked.marker.evaluate({"extra": ""}):
            needed(asked.name, seen)
    return seen


def megabytes(name: str, *, compiled: bool) -> float:
    """Installed size of a distribution's files: Python's compiled ones, or all others."""
    files = distribution(name).files or []
    paths = (Path(str(file.locate())) for file in files)
    return (
        sum(
            path.stat().st_size
            for path in paths
            if path.is_file() and (path.suffix == ".pyc") is compiled
        )
        / 1e6
    )


def fetched(names: set[str]) -> float:
    """Size of the wheels of these distributions, in the versions that are installed."""
    with tempfile.TemporaryDirectory() as folder:
        pinned = [f"{name}=={distribution(name).version}" for name in sorted(names)]
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder]
        subprocess.run([*pip, *pinned], check=True)
        return sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e6


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--download", action="store_true")
arguments = parser.parse_args()
given: set[str] = set()
for each in GIVEN:
    needed(each, given)
ours = needed("relume", set()) - given - {"relume"}
bare, with_us = seconds("pass"), seconds("import relume")
print(f"import relume: {1e3 * (with_us - bare):.0f} ms (python alone {1e3 * bare:.0f} ms)")
sizes = {name: (megabytes(name, compiled=False), megabytes(name, compiled=True)) for name in ours}
print(f"{'as shipped':>10} {'compiled':>9}   MB")
for name, (shipped, compiled) in sorted(sizes.items(), key=lambda pair: -sum(pair[1])):
    print(f"{shipped:10.2f} {compiled:9.2f}   {name}")
shipped, compiled = (sum(pair[at] for pair in sizes.values()) for at in (0, 1))
print(f"{shipped:10.2f} {compiled:9.2f}   in all, beyond {', '.join(GIVEN)}")
if arguments.download:
    print(f"{fetched(ours):10.2f}             over the line, as wheels")
