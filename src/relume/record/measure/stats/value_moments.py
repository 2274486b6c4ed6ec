"""Mean, RMS and extremes of an act's input (pre) and output (post), over sampled rows and units."""

import numpy as np

from relume.record.measure.stat import SampledSums, Stat


def absmax(sums: SampledSums) -> float:
    """The largest absolute value of a site's sampled input."""
    size = np.fmax(np.abs(sums.sums["pre_max"]), np.abs(sums.sums["pre_min"]))
    return float(size.max()) if len(size) else 0.0


def _per_finite(sums: SampledSums, name: str) -> float:
    return sums.total(name) / max(sums.total("finite"), 1.0)


def _residual(sums: SampledSums) -> float | None:
    power = sums.total("line_all")
    return sums.total("line_left") / power if power > 0 else None


POST_MEAN = Stat(
    name="post_mean",
    unit="of the output",
    kind="act",
    merge="mean over finite entries",
    doc="Mean of the output over its finite entries.",
    needs=("post_sum", "finite"),
    of=lambda sums: _per_finite(sums, "post_sum"),
)
POST_RMS = Stat(
    name="post_rms",
    unit="of the output",
    kind="act",
    merge="RMS over finite entries",
    doc="RMS of the output over its finite entries.",
    needs=("post_sumsq", "finite"),
    of=lambda sums: _per_finite(sums, "post_sumsq") ** 0.5,
)
NONFINITE_SHARE = Stat(
    name="nonfinite_share",
    unit="share of entries",
    kind="act",
    merge="mean over rows",
    doc="Entries of the output that are NaN or infinite.",
    needs=("finite",),
    of=lambda sums: 1.0 - sums.mean("finite"),
)
NONFINITE_SWALLOWED_SHARE = Stat(
    name="nonfinite_swallowed_share",
    unit="share of entries",
    kind="act",
    merge="kept where all ranks agree",
    doc="Entries that are NaN on the way in and a number on the way out, on records where there "
    "are any (choices by a comparison, on a CPU).",
)
AFFINE_RESIDUAL_SHARE = Stat(
    name="affine_residual_share",
    unit="share of the output's variance",
    kind="act",
    merge="kept where all ranks agree",
    doc="What the best straight line in pre, one for each unit, leaves over of the variance of "
    "post; all units together. Smooth acts, on records that read the input.",
    needs=("line_left", "line_all"),
    of=_residual,
)
PRE_MEAN = Stat(
    name="pre_mean",
    unit="of the input",
    kind="act",
    merge="mean over rows",
    doc="Mean of the input, where it could be read.",
    needs=("pre_sum",),
    of=lambda sums: sums.mean("pre_sum"),
)
PRE_RMS = Stat(
    name="pre_rms",
    unit="of the input",
    kind="act",
    merge="RMS over rows",
    doc="RMS of the input, where it could be read.",
    needs=("pre_sumsq",),
    of=lambda sums: sums.mean("pre_sumsq") ** 0.5,
)
PRE_ABSMAX = Stat(
    name="pre_absmax",
    unit="of the input",
    kind="act",
    merge="maximum",
    doc="Largest absolute value of the input, where it could be read.",
    needs=("pre_max", "pre_min"),
    of=absmax,
)
