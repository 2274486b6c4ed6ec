"""Acts over a whole axis: they make a distribution, and have no elementwise slope."""

from relume.acts.act import Act, Node

SOFTMAX = Act(
    name="softmax",
    family="output",
    formula="exp(z_i) / sum_j exp(z_j)",
    year=1990,
    reference="Bridle, NeurIPS 1989",
    nodes=(
        Node("SoftmaxBackward0", "_saved_result", "post"),
        Node("SafeSoftmaxBackward0", "_saved_result", "post"),
    ),
)

LOG_SOFTMAX = Act(
    name="log_softmax",
    family="output",
    formula="z_i - log sum_j exp(z_j)",
    year=1990,
    reference="the logarithm of softmax",
    nodes=(Node("LogSoftmaxBackward0", "_saved_result", "post"),),
)
