"""Attention, over sampled rows: how large its scores are, and how its weights are spread.

Entropy is that of a row's weights over the logarithm of the number of keys it may see: 1 where all
are alike, 0 where one takes everything. Rows that see fewer than four keys are left out. The
windows have the same by head (`attended`, `entropy_sum`, `first_sum`, `logit_absmax`).
"""

import numpy as np
from numpy.typing import NDArray

from relume.record.measure.stat import SampledSums, Stat, UnitField


def _by_head(sums: SampledSums, name: str) -> NDArray[np.float64] | None:
    rows = np.asarray(sums.sums["attended"], dtype=np.float64)
    return sums.sums[name][rows > 0] / rows[rows > 0] if rows.any() else None


def _entropy_mean(sums: SampledSums) -> float | None:
    rows = sums.total("attended")
    return sums.total("entropy_sum") / rows if rows else None


def _entropy_least(sums: SampledSums) -> float | None:
    heads = _by_head(sums, "entropy_sum")
    return None if heads is None else float(heads.min())


def _first_most(sums: SampledSums) -> float | None:
    heads = _by_head(sums, "first_sum")
    return None if heads is None else float(heads.max())


LOGIT_MOST = Stat(
    name="logit_absmax",
    unit="of the scores",
    kind="attention",
    merge="maximum",
    doc="Largest abs score (q.k times its scale, before a bias or mask) of a visible key.",
    needs=("logit_absmax",),
    of=lambda sums: float(sums.sums["logit_absmax"].max()),
)
ENTROPY_MEAN = Stat(
    name="entropy_mean",
    unit="of ln(keys)",
    kind="attention",
    merge="kept where all ranks agree",
    doc="Mean entropy of a row's weights over ln of the keys it may see, all heads together.",
    needs=("attended", "entropy_sum"),
    of=_entropy_mean,
)
ENTROPY_LEAST = Stat(
    name="entropy_least",
    unit="of ln(keys)",
    kind="attention",
    merge="kept where all ranks agree",
    doc="The same of the head in which it is least.",
    needs=("attended", "entropy_sum"),
    of=_entropy_least,
)
FIRST_MOST = Stat(
    name="first_share_most",
    unit="share of weight",
    kind="attention",
    merge="kept where all ranks agree",
    doc="Mean weight on the first visible key, of the head in which it is largest.",
    needs=("attended", "first_sum"),
    of=_first_most,
)
ATTENDED = UnitField(
    name="attended",
    unit="rows",
    merge="sum",
    doc="Sampled rows of a head that see at least four keys. Only attention has such fields.",
    type="u4",
    narrow=True,
    rare=True,
)
ENTROPY_SUM = UnitField(
    name="entropy_sum",
    unit="of ln(keys)",
    merge="sum",
    doc="Sum over those rows of the entropy of the weights over ln of the visible keys.",
    type="f8",
    narrow=True,
    rare=True,
)
FIRST_SUM = UnitField(
    name="first_sum",
    unit="share of weight",
    merge="sum",
    doc="Sum over those rows of the weight on the first visible key.",
    type="f8",
    narrow=True,
    rare=True,
)
LOGIT_ABSMAX = UnitField(
    name="logit_absmax",
    unit="of the scores",
    merge="maximum",
    doc="Largest abs score of a visible key.",
    type="f4",
    narrow=True,
    rare=True,
)
