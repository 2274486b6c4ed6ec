"""How evenly a router's choices fall on its experts, over a record's rows; windows have `top`."""

import numpy as np

from relume.record.measure.stat import SampledSums, Stat


def _violation(sums: SampledSums) -> float | None:
    picked = np.asarray(sums.sums["top"], dtype=np.float64)
    return float(picked.max() / picked.mean()) - 1 if picked.any() else None


def _most(sums: SampledSums) -> float | None:
    return float(sums.sums["top"].max()) / sums.rows if sums.rows else None


LOAD_VIOLATION = Stat(
    name="load_violation",
    unit="ratio",
    kind="router",
    merge="kept where all ranks agree",
    doc="MaxVio: the largest load of an expert over the mean load, less one; 0 is even.",
    needs=("top",),
    of=_violation,
)
LOAD_MOST = Stat(
    name="load_most",
    unit="share of rows",
    kind="router",
    merge="kept where all ranks agree",
    doc="Share of rows that go to the busiest expert (each goes to `picks` of them).",
    needs=("top",),
    of=_most,
)
IDLE_SHARE = Stat(
    name="idle_share",
    unit="share of experts",
    kind="router",
    merge="kept where all ranks agree",
    doc="Experts that no row of the record was sent to.",
    needs=("top",),
    of=lambda sums: sums.share(np.asarray(sums.sums["top"]) == 0),
)
