"""Finds logits that are cosines: products of normalised features and normalised prototypes."""

from dataclasses import dataclass

from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    inputs,
    is_leaf,
    kind,
    output_shape,
)
from relume.record.graph.criterion import Criterion
from relume.record.graph.loss_terms import factor_of
from relume.record.graph.op_names import AFFINE, RESHAPE

NORMS = frozenset({"LinalgVectorNormBackward", "NormBackward"})
GUARDS = frozenset(
    f"{name}Backward" for name in ("ClampMin", "Clamp", "Maximum", "Add", "Sqrt", "Pow", "Sum")
)
MOST = 24  # operations on one way


@dataclass(frozen=True, slots=True)
class LogitBound:
    """Logits that no weight can make larger.

    Attributes:
        node: the product of features and prototypes.
        scale: the largest absolute logit: the constants that the cosines are multiplied with.
        classes: how many logits a row has.
    """

    node: AutogradNode
    scale: float
    classes: int


def logit_bound(graph: AutogradGraph, criterion: Criterion) -> LogitBound | None:
    """Return the bound of a cross-entropy's logits, if they are cosines times a constant.

    Both operands are divided by their own norm, and one of them is made of parameters alone: the
    prototypes of the classes. A factor that is learned ends the search, for the bound then grows.
    """
    if criterion.name != "cross_entropy" or criterion.entry is None:
        return None
    logits, scale = _past_factors(criterion.entry)
    sides = _sides(logits)
    if logits is None or sides is None:
        return None
    parts = [_past_factors(side) for side in sides]
    if not all(_is_normalised(node) for node, _ in parts):
        return None
    if not any(_is_parameter_alone(node) for node, _ in parts):
        return None  # pairs are compared: the bound is that of the temperature, chosen on purpose
    shape = output_shape(criterion.entry) or ()
    if len(shape) < 2:
        return None
    for _, factor in parts:
        scale *= factor
    return LogitBound(logits, abs(scale), int(shape[1]))


def _given(node: AutogradNode) -> list[AutogradNode]:
    """The inputs of a node that carry a gradient, parameters among them."""
    return [source for source in inputs(node) if source is not None]


def _first(node: AutogradNode) -> AutogradNode | None:
    return next(iter(_given(node)), None)


def _past_factors(node: AutogradNode | None) -> tuple[AutogradNode | None, float]:
    """Follow reshapes and products with one number; the node before them, and their product."""
    scale = 1.0
    for _ in range(MOST):
        if node is None:
            break
        factor = factor_of(node)
        if factor is None and kind(node) not in RESHAPE:
            break
        scale *= factor or 1.0
        node = _first(node)
    return node, scale


def _sides(node: AutogradNode | None) -> tuple[AutogradNode, AutogradNode] | None:
    """The two operands of a product of matrices, or of a sum of products, without a bias."""
    if node is None:
        return None
    name = kind(node)
    if name == "SumBackward":
        product = _first(node)
        ends = () if product is None or kind(product) != "MulBackward" else _given(product)
        return (ends[0], ends[1]) if len(ends) == 2 else None
    if name == "BmmBackward":
        data, weight = inputs(node)[:2]
    elif name in AFFINE and name != "ConvolutionBackward":
        spec = AFFINE[name]
        bias = None if spec.bias is None else inputs(node)[spec.bias]
        if bias is not None:
            return None
        data, weight = inputs(node)[spec.data], inputs(node)[spec.weight]
    else:
        return None
    return None if data is None or weight is None else (data, weight)


def _is_normalised(node: AutogradNode | None) -> bool:
    """Whether a node divides values by their own norm."""
    if node is None or kind(node) != "DivBackward":
        return False
    sources = _given(node)
    if len(sources) != 2:
        return False
    value, below = sources
    for _ in range(MOST):
        if below is None or kind(below) in NORMS:
            break
        below = _first(below) if kind(below) in RESHAPE | GUARDS else None
    return below is not None and _first(below) is value


def _is_parameter_alone(node: AutogradNode | None) -> bool:
    """Whether what a node divides is a parameter, or a view of one."""
    source = None if node is None else _first(node)
    for _ in range(MOST):
        if source is None or is_leaf(source):
            break
        source = _first(source) if kind(source) in RESHAPE else None
    return source is not None and is_leaf(source)
