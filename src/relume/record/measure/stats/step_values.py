"""What every step has, recorded or not, at the site ``""``.

Where several optimisers take turns with losses of their own (a GAN) these are the first one's,
which begins each iteration; ``loss_2``, ``learning_rate_2`` and so on are the others' (fact
``turn``).
"""

from relume.record.measure.stat import Stat

LOSS = Stat(
    name="loss",
    unit="of the loss",
    kind="run",
    merge="mean over ranks",
    doc="The value that backward started from, without a gradient scaler's factor; the mean of "
    "several between two steps.",
)
LEARNING_RATE = Stat(
    name="learning_rate",
    unit="of the optimiser",
    kind="run",
    merge="maximum",
    doc="Largest learning rate of the optimiser's groups.",
)
STEP_SECONDS = Stat(
    name="step_seconds",
    unit="seconds",
    kind="run",
    merge="maximum",
    doc="Wall time from the end of the last step to the end of this one.",
)
