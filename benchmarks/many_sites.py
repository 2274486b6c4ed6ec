"""Processor time of a diagnosis by the number of acts: healthy ones, and ones all dead and flat.

python benchmarks/many_sites.py
"""

import sys
from pathlib import Path
from time import process_time

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "rules"))

from traces import many_acts

from relume.diagnosis import diagnose

SIZES = (375, 750, 1500)
ROUNDS = 3


def main() -> None:
    """Print the table."""
    diagnose(many_acts(5, broken=True).trace())  # the rules are imported
    print("| acts | healthy, ms | all broken, ms | findings |\n|---|---|---|---|")
    for size in SIZES:
        cells: list[str] = []
        found = 0
        for broken in (False, True):
            seconds: list[float] = []
            for _ in range(ROUNDS):
                trace = many_acts(size, broken=broken).trace()
                begun = process_time()
                found = len(diagnose(trace).findings)
                seconds.append(process_time() - begun)
            cells.append(f"{1000 * float(np.median(seconds)):.0f}")
        print(f"| {size:,} | {' | '.join(cells)} | {found:,} |", flush=True)


if __name__ == "__main__":
    main()
