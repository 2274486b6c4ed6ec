"""RMS of the loss's gradient on both sides of an act, over sampled rows and units."""

from relume.record.measure.stat import Stat

GRAD_PRE_RMS = Stat(
    name="grad_pre_rms",
    unit="of dL/dpre",
    kind="act",
    merge="RMS over rows, divided by the number of ranks",
    doc="RMS of dL/dpre, a gradient scaler's factor taken off. At a kink as backward has it.",
    needs=("grad_pre_norm",),
    of=lambda sums: sums.rms("grad_pre_norm"),
)
GRAD_POST_RMS = Stat(
    name="grad_post_rms",
    unit="of dL/dpost",
    kind="act",
    merge="RMS over rows, divided by the number of ranks",
    doc="RMS of dL/dpost, a gradient scaler's factor taken off.",
    needs=("grad_post_norm",),
    of=lambda sums: sums.rms("grad_post_norm"),
)
