"""How long a diagnosis takes: 200 sites by 10,000 records, every rule, no training.

python benchmarks/judging.py [--sites 200] [--records 10000]
"""

import argparse
import itertools
import statistics
import time

import numpy as np

from relume.core import Fact, Series, Site, Trace, Window
from relume.diagnosis import diagnose
from relume.record.measure.act_stats import BACKWARD, FORWARD, PRE, site_stats
from relume.record.measure.stat import SampledSums
from relume.record.measure.unit_counters import FIELDS


def made(sites: int, records: int) -> Trace:
    """A trace of a run that learns, in which every stat of every site was recorded."""
    draw = np.random.default_rng(0)
    steps = np.arange(records)
    sums = {name: np.ones(64) for name in (*FORWARD, *BACKWARD, *PRE)}
    stats = list(site_stats(SampledSums(64, 64, sums)))
    table: dict[tuple[str, str], Series] = {}
    table["", "loss"] = Series(
        steps, 2.3 * np.exp(-steps / records) + draw.normal(0, 0.02, records)
    )
    table["", "learning_rate"] = Series(steps, np.full(records, 1e-3))
    places: list[Site] = []
    windows: dict[str, tuple[Window, ...]] = {}
    for index in range(sites):
        act, weight = f"act{index}", f"fc{index}.weight"
        places.append(Site(act, "act", "relu", layer=f"fc{index}", order=2 * index + 1, units=64))
        places.append(Site(weight, "parameter", layer=f"fc{index}", order=2 * index, units=64))
        for stat in stats:
            table[act, stat] = Series(steps, draw.uniform(0.3, 0.7, records))
        for stat in ("weight_norm", "grad_norm", "update_ratio"):
            table[weight, stat] = Series(steps, draw.uniform(1e-3, 2e-3, records))
        fields = {name: np.full(64, 5_000.0) for name in FIELDS}
        grid = np.linspace(0, records - 1, 41).astype(int)
        windows[act] = tuple(
            Window(int(a), int(b), 250, 10_000, fields) for a, b in itertools.pairwise(grid)
        )
    data = {"loss": "cross_entropy", "classes": 10, "chance": 2.3026}
    return Trace({"steps": records}, tuple(places), table, windows, (Fact("criterion", data=data),))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", type=int, default=200)
    parser.add_argument("--records", type=int, default=10_000)
    arguments = parser.parse_args()
    trace = made(arguments.sites, arguments.records)
    times: list[float] = []
    spent: list[float] = []  # what a busy machine does not blow up
    for _ in range(5):
        start, begun = time.perf_counter(), time.process_time()
        diagnosis = diagnose(trace)
        times.append(time.perf_counter() - start)
        spent.append(time.process_time() - begun)
    found = f"{len(diagnosis.findings)} findings, outcome {diagnosis.outcome.name}"
    print(
        f"{arguments.sites} sites x {arguments.records} records, {len(trace.table)} series: {found}"
    )
    print(
        f"median {statistics.median(times):.2f} s ({min(times):.2f} .. {max(times):.2f}), "
        f"of CPU time {statistics.median(spent):.2f} s"
    )


if __name__ == "__main__":
    main()
