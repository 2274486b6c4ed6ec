"""What the per-unit counters of a run take in memory: bytes a unit, and whether they grow.

Counters of several sites are fed records and their finished windows go to a run file, as while
training. Bytes a unit are counted from the arrays, and from what Python's allocator has given out.

    python benchmarks/memory.py [--units 1024] [--sites 8] [--records 2000]
"""

import argparse
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np

from relume.record.measure.unit_counters import FIELDS, UnitCounters
from relume.record.store import run_file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=1_024)
    parser.add_argument("--sites", type=int, default=8)
    parser.add_argument("--records", type=int, default=2_000)
    arguments = parser.parse_args()
    units, every = arguments.units, arguments.units * arguments.sites
    draw = np.random.default_rng(0)
    fields: dict[str, Any] = {n: draw.integers(0, 64, units).astype("f4") for n in FIELDS}
    fields["pre_n"] = 64
    print(f"{'kept':8}{'records':>9}{'counted':>10}{'allocated':>11}  bytes a unit")
    for kept in ("all", "counts"):
        with tempfile.TemporaryDirectory() as folder:
            writer = run_file.Writer(Path(folder, "run.sqlite"))
            tracemalloc.start()
            counters = [UnitCounters() for _ in range(arguments.sites)]
            for counter in counters:
                counter.narrow = kept == "counts"
            for step in range(arguments.records):
                for counter in counters:
                    counter.add(step, 64, fields)
                if counters[0].finished:
                    writer.all_windows({f"fc{i}": c.take() for i, c in enumerate(counters)})
                if step in (1, arguments.records // 20, arguments.records - 2):
                    counted = sum(c.nbytes for c in counters) / every
                    given = tracemalloc.get_traced_memory()[0] / every
                    print(f"{kept:8}{step + 1:9,}{counted:10.1f}{given:11.1f}", flush=True)
            tracemalloc.stop()
            writer.close()


if __name__ == "__main__":
    main()
