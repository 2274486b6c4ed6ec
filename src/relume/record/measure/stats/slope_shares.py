"""Shares of units and entries of an act that are silent or flat.

Flat: abs slope below 5 % of the act's largest (`act_stats.FLAT`). At a kink the slope is the one
that backward uses there (ReLU: 0 at 0).
"""

from relume.record.measure.stat import SampledSums, Stat

FLAT_ROWS = 0.9  # a unit counts as flat where >= 90 % of its rows are (page of ACT501)


def _flat_units(sums: SampledSums, side: str) -> float:
    return sums.share(sums.sums[side] >= FLAT_ROWS * sums.rows)


SILENT_UNIT_SHARE = Stat(
    name="silent_unit_share",
    unit="share of units",
    kind="act",
    merge="units silent on every rank",
    doc="Units whose slope was exactly 0 on every sampled row of the record.",
    needs=("active",),
    of=lambda sums: 1.0 - sums.share(sums.sums["active"] != 0),
)
ZERO_SLOPE_SHARE = Stat(
    name="zero_slope_share",
    unit="share of entries",
    kind="act",
    merge="mean over rows",
    doc="Entries (rows times units) whose slope is exactly 0 in float32.",
    needs=("active",),
    of=lambda sums: 1.0 - sums.mean("active"),
)
FLAT_SHARE_LOW = Stat(
    name="flat_share_low",
    unit="share of entries",
    kind="act",
    merge="mean over rows",
    doc="Entries with a flat slope, at or below the act's steepest point.",
    needs=("low",),
    of=lambda sums: sums.mean("low"),
)
FLAT_SHARE_HIGH = Stat(
    name="flat_share_high",
    unit="share of entries",
    kind="act",
    merge="mean over rows",
    doc="Entries with a flat slope, above the act's steepest point.",
    needs=("high",),
    of=lambda sums: sums.mean("high"),
)
FLAT_UNIT_SHARE_LOW = Stat(
    name="flat_unit_share_low",
    unit="share of units",
    kind="act",
    merge="kept where all ranks agree",
    doc="Units that are flat, at or below the steepest point, on at least 90 % of the rows.",
    needs=("low",),
    of=lambda sums: _flat_units(sums, "low"),
)
FLAT_UNIT_SHARE_HIGH = Stat(
    name="flat_unit_share_high",
    unit="share of units",
    kind="act",
    merge="kept where all ranks agree",
    doc="Units that are flat, above the steepest point, on at least 90 % of the rows.",
    needs=("high",),
    of=lambda sums: _flat_units(sums, "high"),
)
ROWS = Stat(
    name="rows",
    unit="rows",
    kind="act",
    merge="sum",
    doc="Sampled rows of the record; recorded by a rank of several, as the weight of its means.",
)
