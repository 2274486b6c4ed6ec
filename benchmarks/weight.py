"""How long `import relume` takes, and how much is installed beyond torch, NumPy and SciPy.

    python benchmarks/weight.py

Import: medians over fresh processes, against an empty one. Size: the files of every distribution
that relume requires, by their own lists, without what torch, NumPy and SciPy bring anyway.
"""

import re
import statistics
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from time import perf_counter

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
    """The distribution and all that it requires, extras left out."""
    name = re.sub(r"[-_.]+", "-", name).lower()
    if name in seen:
        return seen
    try:
        requires = distribution(name).requires or []
    except PackageNotFoundError:
        return seen  # for another platform
    seen.add(name)
    for line in requires:
        if "extra ==" not in line:
            needed(re.split(r"[^\w.-]", line)[0], seen)
    return seen


def megabytes(name: str) -> float:
    """Installed size of a distribution's files."""
    files = distribution(name).files or []
    paths = (Path(str(file.locate())) for file in files)
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


given: set[str] = set()
for each in GIVEN:
    needed(each, given)
ours = needed("relume", set()) - given - {"relume"}
sizes = {name: megabytes(name) for name in ours}
bare, with_us = seconds("pass"), seconds("import relume")
print(f"import relume: {1e3 * (with_us - bare):.0f} ms (python alone {1e3 * bare:.0f} ms)")
for name, size in sorted(sizes.items(), key=lambda pair: -pair[1]):
    print(f"{size:7.2f} MB  {name}")
print(f"{sum(sizes.values()):7.2f} MB  in all, beyond {', '.join(GIVEN)}")
