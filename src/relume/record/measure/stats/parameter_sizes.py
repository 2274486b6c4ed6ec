"""Sizes of weights, gradients and updates, over an even sample of every parameter."""

from relume.record.measure.stat import Stat

WEIGHT_NORM = Stat(
    name="weight_norm",
    unit="of the weights",
    kind="parameter",
    merge="the same on all ranks",
    shards="RMS over elements",
    doc="L2 norm before the step, scaled from the sample to the whole parameter.",
)
GRAD_NORM = Stat(
    name="grad_norm",
    unit="of dL/dW",
    kind="parameter",
    merge="the same on all ranks",
    shards="RMS over elements",
    doc="L2 norm of the gradient after backward, before any clipping.",
)
GRAD_NONFINITE_SHARE = Stat(
    name="grad_nonfinite_share",
    unit="share of entries",
    kind="parameter",
    merge="kept where all ranks agree",
    shards="mean over elements",
    doc="Entries of the gradient that are NaN or infinite, from the first record on which one was "
    "(on a CPU; elsewhere the norm shows it).",
)
UPDATE_RATIO = Stat(
    name="update_ratio",
    unit="ratio a step",
    kind="parameter",
    merge="the same on all ranks",
    shards="RMS over weights",
    doc="norm(W_after - W_before) / norm(W_before), around the optimiser's step.",
)
ROW_COSINE_MIN = Stat(
    name="row_cosine_min",
    unit="cosine",
    kind="parameter",
    merge="the same on all ranks",
    shards="minimum",
    doc="Least cosine between the first row of a weight and the others, at the first record, and "
    "later where it began above 0.999.",
)
UPDATE_COSINE = Stat(
    name="update_cosine",
    unit="cosine",
    kind="parameter",
    merge="kept where all ranks agree",
    doc="Cosine between the update of every fourth record and the next one, written a record "
    "later; 0 where an update is zero.",
)
