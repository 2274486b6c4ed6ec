"""Reads the values that entered and left a node, and the slope between them, as far as torch saved
them: what is needed to say where a number that is not finite came from."""

from collections.abc import Callable

import torch
from torch import Tensor

from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    kind,
    saved,
    signal_inputs,
    signed_axis,
)
from relume.record.graph.op_names import AFFINE

Values = Callable[[AutogradNode], Tensor | None]


def saved_tensor(node: AutogradNode, name: str) -> Tensor | None:
    """A saved tensor; None where there is none, or it was freed or changed in place."""
    try:
        value = saved(node, name)
    except RuntimeError:
        return None
    return value.detach() if isinstance(value, Tensor) and value.is_floating_point() else None


def _own(node: AutogradNode) -> Tensor | None:
    return saved_tensor(node, "_saved_self")


def _result(node: AutogradNode) -> Tensor | None:
    return saved_tensor(node, "_saved_result")


def _other(node: AutogradNode) -> Tensor | None:
    return saved_tensor(node, "_saved_other")


def _exponent(node: AutogradNode) -> float | None:
    value = getattr(node, "_saved_exponent", None)
    return float(value) if isinstance(value, int | float) else None


def _power(node: AutogradNode) -> Tensor | None:
    own, exponent = _own(node), _exponent(node)
    return None if own is None or exponent is None else own**exponent


def _power_slope(node: AutogradNode) -> Tensor | None:
    own, exponent = _own(node), _exponent(node)
    return None if own is None or exponent is None else exponent * own ** (exponent - 1)


def _of(read: Values, apply: Callable[[Tensor], Tensor]) -> Values:
    def value(node: AutogradNode) -> Tensor | None:
        tensor = read(node)
        return None if tensor is None else apply(tensor)

    return value


def _gaps(values: Tensor) -> Tensor:
    """One over the distances between values that lie side by side: eigenvectors turn so fast."""
    return 1 / values.diff(dim=-1)


def _quotient(node: AutogradNode) -> Tensor | None:
    above, below = _own(node), _other(node)
    if below is None:
        return None
    # what stands above is not always saved; over zero nothing is finite
    return 1 / below if above is None else above / below


def _product_with(name: str, apply: Callable[[Tensor, Tensor], Tensor]) -> Values:
    def value(node: AutogradNode) -> Tensor | None:
        own, other = _own(node), saved_tensor(node, name)
        return None if own is None or other is None else apply(own, other)

    return value


OUTPUTS: dict[str, Values] = {
    "MulBackward": _product_with("_saved_other", torch.mul),
    "BmmBackward": _product_with("_saved_mat2", torch.bmm),
    "LogBackward": _of(_own, torch.log),
    "Log2Backward": _of(_own, torch.log2),
    "Log10Backward": _of(_own, torch.log10),
    "Log1PBackward": _of(_own, torch.log1p),
    "LogitBackward": _of(_own, torch.logit),
    "AcosBackward": _of(_own, torch.acos),
    "AsinBackward": _of(_own, torch.asin),
    "AtanhBackward": _of(_own, torch.atanh),
    "AcoshBackward": _of(_own, torch.acosh),
    "PowBackward": _power,
    "DivBackward": _quotient,
}
"""What leaves a node whose result torch does not save."""

SLOPES: dict[str, Values] = {
    "SqrtBackward": _of(_result, lambda root: 0.5 / root),
    "RsqrtBackward": _of(_result, lambda result: result**3),
    "PowBackward": _power_slope,
    "AcosBackward": _of(_own, lambda x: (1 - x * x).rsqrt()),
    "AsinBackward": _of(_own, lambda x: (1 - x * x).rsqrt()),
    "AtanhBackward": _of(_own, lambda x: 1 / (1 - x * x)),
    "AcoshBackward": _of(_own, lambda x: (x * x - 1).rsqrt()),
    "LogBackward": _of(_own, torch.reciprocal),
    "Log2Backward": _of(_own, torch.reciprocal),
    "Log10Backward": _of(_own, torch.reciprocal),
    "Log1PBackward": _of(_own, lambda x: 1 / (1 + x)),
    "LogitBackward": _of(_own, lambda p: 1 / (p * (1 - p))),
    "ReciprocalBackward": _of(_result, lambda result: result**2),
    "DivBackward": _of(_other, torch.reciprocal),
    "ExpBackward": _result,
    "LinalgEighBackward": _of(lambda node: saved_tensor(node, "_saved_eigenvalues"), _gaps),
    "LinalgSvdBackward": _of(lambda node: saved_tensor(node, "_saved_S"), _gaps),
}
"""The slopes of operations that have an infinite one somewhere."""

SINGULAR = ("Sqrt", "Pow", "Acos", "Asin", "LinalgEigh", "LinalgSvd")
"""Operations whose value is finite where their slope is not: the likeliest to break a gradient."""


def is_bad(tensor: Tensor | None) -> bool:
    """Whether any entry is NaN or infinite."""
    return tensor is not None and not bool(torch.isfinite(tensor).all())


def output(graph: AutogradGraph, node: AutogradNode) -> Tensor | None:
    """What left a node: its saved result, computed from what entered, or saved by what took it."""
    known = _result(node)
    if known is None and kind(node) in OUTPUTS:
        known = OUTPUTS[kind(node)](node)
    if known is not None:
        return known
    for user in graph.consumers(node):
        for at, (source, _) in enumerate(user.next_functions):
            if source is node and (value := _taken(user, at)) is not None:
                return value
    return _added_up(graph, node)


def _added_up(graph: AutogradGraph, node: AutogradNode) -> Tensor | None:
    """The sum or mean of what entered, computed again in its own type; None for any other node."""
    sources = signal_inputs(node)
    if kind(node) not in ("SumBackward", "MeanBackward") or len(sources) != 1:
        return None
    value = output(graph, sources[0])
    if value is None:
        return None
    axes = getattr(node, "_saved_dim", None)
    over = None if axes is None else [signed_axis(axis) for axis in axes]
    add = torch.sum if kind(node) == "SumBackward" else torch.mean
    return add(value) if over is None else add(value, over, keepdim=bool(node._saved_keepdim))


def _taken(user: AutogradNode, at: int) -> Tensor | None:
    """What a node saved of its input number `at`."""
    affine = AFFINE.get(kind(user))
    if affine is not None:
        return saved_tensor(user, affine.saved_data) if at == affine.data else None
    names = (("_saved_self", "_saved_input", "_saved_x1"), ("_saved_other", "_saved_mat2"))
    for name in names[at] if at < 2 else ():
        if (value := saved_tensor(user, name)) is not None:
            return value
    return None


def entered(graph: AutogradGraph, node: AutogradNode) -> Tensor | None:
    """What entered a node: for a division the divisor, else the first input."""
    if kind(node) == "DivBackward":
        return _other(node)
    own = _own(node)
    if own is not None:
        return own
    result = _result(node)
    if result is not None:
        inverse = {"SqrtBackward": torch.square, "ExpBackward": torch.log}.get(kind(node))
        if inverse is not None and kind(node) == "SqrtBackward":
            return inverse(result)
    sources = [source for source, _ in node.next_functions if source is not None]
    return output(graph, sources[0]) if len(sources) == 1 else None
