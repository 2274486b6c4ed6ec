"""Combines the run files of one distributed training into one (`relume combine`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from relume.core import Trace
from relume.errors import NoRunError, UsageError
from relume.record.merge.merge_series import RankPart
from relume.record.merge.merge_traces import merge
from relume.record.store import run_file
from relume.record.store.write_trace import write_trace

SAME = ("job", "world", "script", "argv")  # metadata that all ranks of one job share


@dataclass(frozen=True, slots=True)
class Combined:
    """The new run file of several ranks, and what it leaves out.

    Attributes:
        path: the new run file.
        ranks: the ranks that were combined.
        world: how many ranks the job had.
        left_out: by stat, why it or some of its steps are missing.
    """

    path: Path
    ranks: tuple[int, ...]
    world: int
    left_out: dict[str, str]

    @property
    def missing(self) -> tuple[int, ...]:
        """The ranks of the job whose files were not combined."""
        return tuple(r for r in range(self.world) if r not in self.ranks)


def combine(paths: Sequence[Path], out: Path | None = None, *, force: bool = False) -> Combined:
    """Merge the files of several ranks into a new one.

    Args:
        paths: one file a rank, in any order.
        out: the new file; by default beside rank 0's, named after it.
        force: combine also files that are not marked as ranks of one job.

    Raises:
        UsageError: they are not ranks of one job, or there is a file of that name.
        StoreError: a file cannot be read or written.
    """
    if len(set(paths)) < 2:
        raise UsageError(
            f"{len(set(paths))} run was given to combine; give the files of two ranks or more."
        )
    traces = [(path, run_file.read(path)) for path in dict.fromkeys(paths)]
    ranked = all("rank" in trace.meta for _, trace in traces)
    if ranked:
        traces.sort(key=lambda pair: int(pair[1].meta["rank"]))
    if not force:
        _check(traces)
    target = out or traces[0][0].with_name(f"{_stem(traces[0][0])}-combined{run_file.SUFFIX}")
    if target.exists():
        raise UsageError(f"{target} exists already; name another file with -o.")
    parts = [
        RankPart(trace, run_file.silent_units(path), run_file.is_thinned(path))
        for path, trace in traces
    ]
    merged = merge(parts, ranked=ranked)
    if merged.unlike and not force:
        names = ", ".join(merged.unlike[:3])
        raise UsageError(
            f"the ranks hold different weights ({names}), so they do not train one model; "
            "--force combines them all the same."
        )
    ranks = tuple(int(t.meta.get("rank", place)) for place, (_, t) in enumerate(traces))
    world = int(traces[0][1].meta.get("world", len(traces)))
    about = {
        "files": [path.name for path, _ in traces],
        "ranks": list(ranks),
        "world": world,
        "left_out": merged.left_out,
    }
    meta = {**merged.trace.meta, "run": target.stem, "combined": about}
    trace = merged.trace
    write_trace(target, Trace(meta, trace.sites, trace.table, trace.units, trace.facts))
    return Combined(target, ranks, world, merged.left_out)


def latest(folder: Path) -> list[Path]:
    """Find the files of the newest distributed job in a folder: of each rank the newest.

    Raises:
        NoRunError: there is none.
    """
    job: object = None
    by_rank: dict[int, Path] = {}
    for path in run_file.runs(folder):
        meta = run_file.meta(path)
        if "rank" not in meta or (job is not None and meta.get("job") != job):
            continue
        job = meta.get("job")
        by_rank.setdefault(int(meta["rank"]), path)
    if not by_rank:
        raise NoRunError(
            f"no run of several ranks in {folder}/; record one with "
            "'torchrun --nproc-per-node 2 -m relume run SCRIPT'."
        )
    return [by_rank[rank] for rank in sorted(by_rank)]


def _stem(path: Path) -> str:
    head, mark, tail = path.stem.rpartition("-rank")
    return head if mark and tail.split("-")[0].isdigit() else path.stem


def _check(traces: Sequence[tuple[Path, Trace]]) -> None:
    """Raise `UsageError` unless all are different ranks of one job."""
    first, first_trace = traces[0]
    for path, trace in traces:
        if "combined" in trace.meta:
            raise UsageError(f"{path} is already combined; give the files of its ranks.")
        if "rank" not in trace.meta:
            raise UsageError(
                f"{path} is not a rank of a distributed run; --force combines it all the same."
            )
        unlike = next((n for n in SAME if trace.meta.get(n) != first_trace.meta.get(n)), None)
        if unlike is not None:
            raise UsageError(
                f"{path} and {first} are of different jobs (another {unlike}); "
                "--force combines them all the same."
            )
    ranks = [int(trace.meta["rank"]) for _, trace in traces]
    for (one, _), (two, _), a, b in zip(traces, traces[1:], ranks, ranks[1:], strict=False):
        if a == b:
            raise UsageError(f"{one} and {two} are both rank {a} of one job; give one a rank.")
