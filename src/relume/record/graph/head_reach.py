"""Computes which values the last operations before a criterion can give together."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from relume.acts.act import by_node
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    kind,
    name_of,
    saved,
    signal_inputs,
)
from relume.record.graph.criterion import BENDS, BY_HAND, Criterion, Head, first_signal
from relume.record.graph.elementwise import PLAIN, WITH_NUMBERS
from relume.record.graph.loss_terms import factor_of
from relume.record.graph.op_names import RESHAPE

Operation = Callable[[Tensor], Tensor]
SIZES = (1e4, 1e8)  # magnitudes up to which numbers are tried: a limit is one at both
MOST = 64  # operations before the criterion
LIKELIHOODS = ("log_likelihood", "nll", "kl_div")
OF_A_LOG = frozenset({"LogBackward", "AddBackward", "NegBackward"})
"""A logarithm of the last act's output, with its guard."""
NORMS = ("LinalgVectorNormBackward", "NormBackward")


@dataclass(frozen=True, slots=True)
class Reach:
    """What operations give together, whatever enters the first: their names, and the limits."""

    operations: tuple[str, ...]
    low: float
    high: float


def head_reach(criterion: Criterion, head: Head) -> Reach | None:
    """Return what the last operations can give, whatever is computed before them.

    The acts and elementwise operations (abs, powers, roots, exp, clamp, a factor) are applied one
    after the other to numbers of every size. A softmax at the end is left out: what it can give
    follows from the range of its scores and their number.

    Returns:
        None for a single act, whose range is known, and where no layer is found behind.
    """
    if head.affine is None:
        return None
    steps: list[tuple[str, Operation | None, bool]] = []
    node = criterion.entry
    if kind(criterion.node) in BY_HAND and node is not None and kind(node) == "SubBackward":
        node = next(iter(signal_inputs(node)), None)
    for _ in range(MOST):
        if node is None or node is head.affine:
            break
        name = kind(node)
        of_a_log = not steps and name in OF_A_LOG and criterion.name in LIKELIHOODS
        if name not in RESHAPE and not of_a_log:
            step = _step(node, outermost=not steps)
            if step is None:
                break  # whatever this gives enters
            steps.append(step)
        node = next(iter(signal_inputs(node)), None)
    if not steps or (len(steps) == 1 and steps[0][2]):
        return None
    steps.reverse()
    low, high = _range([operation for _, operation, _ in steps if operation is not None])
    return Reach(tuple(name for name, _, _ in steps), low, high)


def _step(node: AutogradNode, *, outermost: bool) -> tuple[str, Operation | None, bool] | None:
    """An operation's name, its function (None: a softmax) and whether it is an act."""
    known = by_node().get(name_of(node))
    if known is None:
        return _plain_step(node)
    act, spec = known
    if act.name in ("softmax", "log_softmax"):
        return (act.name, None, True) if outermost else None
    extra = act.parameters(spec, node) if act.elementwise else {}
    several = any(isinstance(value, Tensor) and value.numel() > 1 for value in extra.values())
    if not act.elementwise or several:
        return None
    return act.name, lambda x: act.value(x, **extra), True


def _plain_step(node: AutogradNode) -> tuple[str, Operation | None, bool] | None:
    name = kind(node)
    sources = signal_inputs(node)
    if name == "MulBackward" and len(sources) == 2 and sources[0] is sources[1]:
        return "square", torch.square, False
    if (factor := factor_of(node)) is not None:
        return f"{factor:g} times", lambda x: x * factor, False
    if len(sources) != 1 or name not in BENDS | {"ExpBackward", "NegBackward"}:
        return None
    operation = WITH_NUMBERS[name](node) if name in WITH_NUMBERS else PLAIN[name]
    return name.removesuffix("Backward").lower(), operation, False


def _range(operations: list[Operation]) -> tuple[float, float]:
    """The least and greatest value; infinite where it goes on with the size of what enters."""
    limits: list[tuple[float, float]] = []
    for size in SIZES:
        part = torch.logspace(-4, math.log10(size), 801, dtype=torch.float64)
        values = torch.cat((-part.flip(0), torch.zeros(1, dtype=torch.float64), part))
        for operation in operations:
            values = operation(values)
        known = values[~values.isnan()]
        if not known.numel():
            return -math.inf, math.inf
        limits.append((float(known.min()) + 0.0, float(known.max()) + 0.0))  # no -0
    (low, high), (lower, higher) = limits
    open_below = lower < low - max(abs(low) / 2, 1e-3)
    open_above = higher > high + max(abs(high) / 2, 1e-3)
    return -math.inf if open_below else low, math.inf if open_above else high


def single_norms(graph: AutogradGraph) -> list[tuple[AutogradNode, list[int]]]:
    """Return divisions of values by their own norm over an axis of one entry, with their shape."""
    found: list[tuple[AutogradNode, list[int]]] = []
    for node in graph.nodes:
        sources = signal_inputs(node)
        if kind(node) != "DivBackward" or len(sources) != 2:
            continue
        below: AutogradNode | None = sources[1]
        while below is not None and kind(below) in RESHAPE | {"ClampMinBackward", "AddBackward"}:
            below = first_signal(below) if len(signal_inputs(below)) == 1 else None
        if below is None or kind(below) not in NORMS or first_signal(below) is not sources[0]:
            continue
        value, axes = saved(below, "_saved_self"), getattr(below, "_saved_dim", None)
        if not isinstance(value, Tensor) or axes is None or value.dim() < 2:
            continue
        over = [axes] if isinstance(axes, int) else list(axes)
        over = [axis - 2**64 if axis >= 2**63 else axis for axis in over]
        if over and all(value.shape[axis] == 1 for axis in over):
            found.append((node, list(value.shape)))
    return found
