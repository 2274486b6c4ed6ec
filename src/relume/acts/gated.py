"""Units that multiply one signal by a squashed other."""

from relume.acts.act import Act, Node

GLU = Act(
    name="glu",
    family="gated",
    formula="a * sigmoid(b), (a, b) the halves of z along one axis",
    year=2016,
    reference="Dauphin et al., ICML 2017, arXiv:1612.08083",
    nodes=(Node("GluBackward0", "_saved_self"),),
)
