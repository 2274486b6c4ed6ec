"""How large a run file gets, what writing costs, and how long reading takes: no training.

A run in which every step is recorded is written through the recorder's own writer, with every
stat of every site, and a third layout each eighth time as a real run has it. Sizes are those of
the file with its log, the largest seen; times are of the writer alone.

    python benchmarks/store.py [--steps 1000000] [--sites 200] [--units 64]

The numbers of a record are drawn once and shifted by the step, so that drawing them is not what
is measured. A million steps by 200 sites take some ten minutes; the default is a tenth of them.
"""

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from relume.core import Site
from relume.record.measure.act_stats import BACKWARD, FORWARD, PRE, site_stats
from relume.record.measure.stat import SampledSums
from relume.record.measure.unit_counters import FIELDS, UnitCounters
from relume.record.store import run_file

WEIGHT = ("weight_norm", "grad_norm", "update_ratio")
FLUSH_STEPS = 100  # steps between two flushes: half a second of steps of 5 ms
RECORDS_A_WINDOW = 64  # counters are written with a flush; this many records are added between


def keys_of(sites: int) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """The keys of an ordinary record, and of a deep one, which reads the inputs of acts too."""
    sums = {name: np.ones(4) for name in (*FORWARD, *BACKWARD, *PRE)}
    deep = list(site_stats(SampledSums(4, 4, sums)))
    plain = [stat for stat in deep if not stat.startswith("pre_")]
    weights = tuple((f"block{i}.weight", stat) for i in range(sites) for stat in WEIGHT)

    def made(stats: list[str]) -> tuple[tuple[str, str], ...]:
        return tuple((f"block{i}.act", s) for i in range(sites) for s in stats) + weights

    return made(plain), made(deep)


def size(path: Path) -> int:
    """Bytes of the file and of the log beside it."""
    return sum(p.stat().st_size for p in (path, path.with_name(path.name + "-wal")) if p.exists())


def _memory() -> float:
    """The most that this process has had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--sites", type=int, default=200)
    parser.add_argument("--units", type=int, default=64)
    arguments = parser.parse_args()
    plain, deep = keys_of(arguments.sites)
    draw = np.random.default_rng(0)
    noise = draw.normal(1.0, 0.3, len(deep) + 1_009).astype("<f4")
    fields = {name: np.abs(draw.normal(100, 30, arguments.units)) for name in FIELDS}
    for name in ("active", "low", "high", "pre_n"):
        fields[name] = np.floor(fields[name])
    with tempfile.TemporaryDirectory() as folder:
        writer = run_file.Writer(Path(folder, "run.sqlite"))
        counters = [UnitCounters() for _ in range(arguments.sites)]
        for i in range(arguments.sites):
            writer.site(Site(f"block{i}.act", "act", "relu", units=arguments.units, order=i))
        times: list[float] = []
        largest = 0
        for step in range(arguments.steps):
            keys = deep if step % 8 == 0 else plain
            values = noise[step % 1_009 :][: len(keys)]
            start = time.perf_counter()
            writer.record(step, keys, values)  # type: ignore[arg-type]
            times.append(time.perf_counter() - start)
            if step % FLUSH_STEPS == FLUSH_STEPS - 1:
                first = step - FLUSH_STEPS + 1
                writer.steps([(s, 2.0 / (1 + s), 0.1, 0.005) for s in range(first, step + 1)])
                largest = max(largest, size(writer.path))
            if step % RECORDS_A_WINDOW == 0:
                for i, counter in enumerate(counters):
                    counter.add(step, 64, fields)
                    if counter.finished:
                        writer.windows(f"block{i}.act", counter.take())
        for i, counter in enumerate(counters):
            writer.windows(f"block{i}.act", counter.take())
        written = _memory()
        start = time.perf_counter()
        trace = run_file.read(writer.path)
        reading = time.perf_counter() - start
        largest = max(largest, size(writer.path))
        writer.close()
        closed = size(writer.path)
    points = sum(len(series) for series in trace.table.values())
    worst = sorted(times)[-max(1, len(times) // 1000) :]
    print(f"{arguments.steps:,} steps x {arguments.sites} sites of {arguments.units} units")
    print(f"{len(deep):,} series, {points / len(trace.table):,.0f} points each at the end")
    print(f"file {closed / 1e6:.1f} MB, at most {largest / 1e6:.1f} MB with its log")
    print(
        f"a record: median {1e3 * statistics.median(times):.2f} ms, mean "
        f"{1e3 * statistics.mean(times):.2f} ms, worst in a thousand from {1e3 * worst[0]:.1f} ms"
    )
    print(f"reading it all: {reading:.1f} s")
    memory = _memory()
    print(
        f"memory of the process: {written:.0f} MB at most while writing, {memory:.0f} with reading"
    )


if __name__ == "__main__":
    main()
