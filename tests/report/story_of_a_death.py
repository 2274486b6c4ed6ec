"""A diagnosis written by hand: a learning rate that was too high, and what followed."""

import math
from dataclasses import replace

from relume.core import (
    Checked,
    Diagnosis,
    Evidence,
    Finding,
    NotChecked,
    Outcome,
    Severity,
)

META = {
    "run": "brisk-lark",
    "path": ".relume/brisk-lark.sqlite",
    "script": "train.py",
    "steps": 1200,
    "records": 64,
    "overhead": 0.0083,
    "elapsed": 12.34,
}
HOT = Finding(
    code="ACT605",
    name="learning-rate-high",
    severity=Severity.ERROR,
    site="",
    steps=(9, 143),
    text="One step changed the weights by {value:.0%} of their size (limit {threshold:.0%});"
    " the loss rose at once.",
    evidence=Evidence(
        stat="update_ratio_median",
        value=0.52,
        threshold=0.1,
        samples=64,
        curve=tuple((20 * i, 0.6 * math.exp(-(((i - 8) / 3) ** 2)) + 0.004) for i in range(60)),
    ),
    cure="divide the learning rate by 10 (from 0.1 to 0.01), and keep everything else.",
    explains=("ACT403@net.1", "ACT403@net.3", "ACT401@net.1"),
    file=__file__,
    line=1,
)
DIED = Finding(
    code="ACT403",
    name="died-in-training",
    severity=Severity.WARNING,
    site="net.1",
    steps=(143, 161),
    text="{share:.0%} of the units of {site} fell silent between step 143 and 161, right after"
    " the longest step.",
    evidence=Evidence("silent_unit_share", 0.61, 0.25, 4096, more={"share": 0.61}),
    explained_by=("ACT605@",),
    explains=("ACT401@net.1",),
    file="/gone/models/mlp.py",
    line=27,
)
DEAD = Finding(
    code="ACT401",
    name="dead-units",
    severity=Severity.ERROR,
    site="net.1",
    steps=(161, 1199),
    text="{dead} of {units} units of {site} gave 0 on all of {samples:,} samples (<= 0.01 % at"
    " 95 %).",
    evidence=Evidence("dead_unit_share", 0.61, 0.25, 30720, more={"dead": 39, "units": 64}),
    explained_by=("ACT605@", "ACT403@net.1"),
    file="/gone/models/mlp.py",
    line=27,
)
SATURATED = Finding(
    code="ACT501",
    name="saturated-units",
    severity=Severity.NOTE,
    site="net.5",
    steps=(900, 1199),
    text="{value:.0%} of the entries of {site} lie where its slope is under 5 % of the largest.",
    evidence=Evidence("flat_share_high", 0.55, 0.5, 30720),
)
SPARSE = Finding(
    code="ACT404",
    name="sparse",
    severity=Severity.FACT,
    site="net.3",
    steps=(0, 1199),
    text="Half of the units of {site} are active on fewer than {value:.0%} of the samples.",
    evidence=Evidence("active_share_median", 0.08, None, 30720),
)
CHECKED = (
    Checked("ACT101", "missing-nonlinearity", "No two affine layers without an act between."),
    Checked(
        "ACT201",
        "softmax-before-cross-entropy",
        "Cross-entropy receives logits (rows sum to between -3.1 and 4.2).",
    ),
    Checked("ACT301", "scale-drift-at-init", "RMS 0.91 to 1.12 from the first to the last act."),
)
RULED_OUT = (
    Checked("ACT601", "vanishing-gradient", "First to last gradient ratio 0.21, limit 0.001."),
    Checked("ACT701", "input-not-centred", "Mean energy share 0.04, limit 0.8."),
)
NOT_CHECKED = (
    NotChecked(
        "ACT402",
        "dormant-units",
        "lstm",
        "the fused LSTM hides its gates.",
        "write the cell with nn.LSTMCell, or ignore ACT402.",
    ),
    NotChecked(
        "ACT502",
        "stuck-gate",
        "lstm",
        "the fused LSTM hides its gates.",
        "write the cell with nn.LSTMCell, or ignore ACT402.",
    ),
    NotChecked("ACT607", "oscillating-loss", "", "only 2 windows, 3 are needed.", "train longer."),
)
STALLED = Outcome(
    "stalled", "The run stalled at chance: loss 2.301 after 1,200 steps, chance 2.303."
)
LEARNING = Outcome("learning", "The run learns: loss 2.31 at the start, 0.113 at the end.")

SICK = Diagnosis(
    (HOT, DIED, DEAD, SATURATED, SPARSE), CHECKED, NOT_CHECKED, STALLED, RULED_OUT, META
)
FINE = Diagnosis((SPARSE,), CHECKED + RULED_OUT, (), LEARNING, (), META)
EMPTY = Diagnosis((), (), (), Outcome("no-loss", "No loss was seen."))
MANY = replace(
    SICK,
    findings=(
        HOT,
        replace(
            HOT,
            code="ACT302",
            name="symmetric-init",
            site="stem",
            explains=(),
            evidence=Evidence("row_cosine_min", 0.9999, 0.999, 64),
            text="All rows of {site} point the same way.",
            cure="draw the weights at random.",
        ),
        *(replace(DEAD, site=f"blocks.{i}.mlp.act", explained_by=("ACT605@",)) for i in range(12)),
    ),
)
