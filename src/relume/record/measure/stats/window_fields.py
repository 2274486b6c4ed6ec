"""The per-unit counters of a window: each a sum or an extreme over its records, one number a unit.

The unit axis is the neuron for ``(batch, features)``, the channel for convolutions. What is flat or
active at a kink is what backward's slope there says (ReLU: not active at 0).
"""

from relume.record.measure.stat import UnitField

ACTIVE = UnitField(
    name="active",
    unit="samples",
    merge="sum",
    doc="Samples with a slope that is not exactly 0.",
    type="u4",
    narrow=True,
)
LOW = UnitField(
    name="low",
    unit="samples",
    merge="sum",
    doc="Samples with abs slope below 5 % of the act's largest, at or below its steepest point.",
    type="u4",
    narrow=True,
)
HIGH = UnitField(
    name="high",
    unit="samples",
    merge="sum",
    doc="Samples with abs slope below 5 % of the act's largest, above its steepest point.",
    type="u4",
    narrow=True,
)
POST_SUM = UnitField(
    name="post_sum",
    unit="of the output",
    merge="sum",
    doc="Sum of the output's finite entries.",
    type="f8",
)
POST_SUMSQ = UnitField(
    name="post_sumsq",
    unit="of the output, squared",
    merge="sum",
    doc="Sum of the squares of the output's finite entries.",
    type="f8",
)
GRAD_ABS_SUM = UnitField(
    name="grad_abs_sum",
    unit="of dL/dpre",
    merge="sum, divided by the number of ranks",
    doc="Sum of abs dL/dpre.",
    type="f8",
)
PRE_N = UnitField(
    name="pre_n",
    unit="samples",
    merge="sum",
    doc="Samples of the input, on the records where it could be read; the same for all units.",
    type="u4",
)
PRE_SUM = UnitField(
    name="pre_sum",
    unit="of the input",
    merge="sum",
    doc="Sum of the input over those samples.",
    type="f8",
)
PRE_SUMSQ = UnitField(
    name="pre_sumsq",
    unit="of the input, squared",
    merge="sum",
    doc="Sum of the squares of the input over those samples.",
    type="f8",
)
POST_MAX = UnitField(
    name="post_max",
    unit="of the output",
    merge="maximum",
    doc="Largest output; an entry that is not finite counts as 0.",
    type="f4",
)
PRE_MAX = UnitField(
    name="pre_max",
    unit="of the input",
    merge="maximum",
    doc="Largest input over the samples of `pre_n`.",
    type="f4",
)
POST_MIN = UnitField(
    name="post_min",
    unit="of the output",
    merge="minimum",
    doc="Least output; an entry that is not finite counts as 0.",
    type="f4",
)
SLOPE_MAX = UnitField(
    name="slope_max",
    unit="share of the act's largest slope",
    merge="maximum",
    doc="Largest abs slope over the act's largest, 0.05 at most: a unit with more is not flat. "
    "Smooth acts.",
    type="f4",
    rare=True,
)
OUT_NORM = UnitField(
    name="out_norm",
    unit="of the weights",
    merge="maximum",
    doc="Norm of the weights that take the unit's output, on every eighth record, of wide layers "
    "from a sample of their rows. Smooth hidden acts.",
    type="f4",
    rare=True,
)
ABOVE = UnitField(
    name="above",
    unit="samples",
    merge="sum",
    doc="Samples above the kink. Acts of two pieces that both have a slope.",
    type="u4",
    rare=True,
)
TOP = UnitField(
    name="top",
    unit="samples",
    merge="sum",
    doc="Samples on which the output is the largest of a softmax that gates, or on which a router "
    "chose the expert; neither has another field. Of equal ones the first counts.",
    type="u4",
    rare=True,
)
