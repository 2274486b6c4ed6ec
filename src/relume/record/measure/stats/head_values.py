"""The output of the head (the layer whose output the loss judges) and its gradient."""

import math

from relume.record.measure.stat import Stat
from relume.record.measure.stats.value_moments import absmax

HEAD_PRE_RMS = Stat(
    name="pre_rms",
    unit="of the output",
    kind="head",
    merge="RMS over rows",
    doc="RMS of the head's output over sampled rows and units.",
    needs=("pre_sumsq",),
    of=lambda sums: sums.mean("pre_sumsq") ** 0.5,
)
HEAD_PRE_ABSMAX = Stat(
    name="pre_absmax",
    unit="of the output",
    kind="head",
    merge="maximum",
    doc="Largest absolute value of the head's output.",
    needs=("pre_max", "pre_min"),
    of=absmax,
)
HEAD_NONFINITE_SHARE = Stat(
    name="nonfinite_share",
    unit="0 or 1",
    kind="head",
    merge="mean over rows",
    doc="1 where an entry of the head's output, or its square in float32, is not finite; else 0.",
    needs=("pre_sumsq",),
    of=lambda sums: 0.0 if math.isfinite(sums.total("pre_sumsq")) else 1.0,
)
HEAD_GRAD_PRE_RMS = Stat(
    name="grad_pre_rms",
    unit="of dL/doutput",
    kind="head",
    merge="RMS over rows, divided by the number of ranks",
    doc="RMS of the loss's gradient by the head's output, a gradient scaler's factor taken off.",
    needs=("grad_pre_norm",),
    of=lambda sums: sums.rms("grad_pre_norm"),
)
