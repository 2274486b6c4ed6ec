"""How centred and how stretched the data are that enter the first affine layer."""

from relume.record.measure.stat import Stat

MEAN_ENERGY_SHARE = Stat(
    name="mean_energy_share",
    unit="share of energy",
    kind="input",
    merge="from the sums of all ranks, at the end",
    doc="norm(E x)^2 / E norm(x)^2 over all rows so far, 1 at most: 0 for centred data.",
)
RMS = Stat(
    name="rms",
    unit="of the input",
    kind="input",
    merge="RMS over samples",
    doc="RMS over all rows so far and all features.",
)
SAMPLES = Stat(
    name="samples",
    unit="rows",
    kind="input",
    merge="sum",
    doc="Rows so far.",
)
FEATURE_STD_MAX_OVER_MEDIAN = Stat(
    name="feature_std_max_over_median",
    unit="ratio",
    kind="input",
    merge="from the sums of all ranks, at the end",
    doc="Largest over median standard deviation of a feature over all rows so far; features that "
    "are constant are left out.",
)
EIGEN_RATIO = Stat(
    name="eigen_ratio",
    unit="ratio",
    kind="input",
    merge="kept where all ranks agree",
    doc="lambda_1 / mean(lambda_2..50) of E x x^T over the rows kept, once, at the end. It needs "
    "the rows themselves, so ranks are never merged.",
)
