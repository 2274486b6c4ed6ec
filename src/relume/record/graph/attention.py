"""Finds attention in an autograd graph, and reads a bounded sample of its scores and weights.

A fused kernel (`scaled_dot_product_attention`) keeps query and key, from which scores are computed
again; a written-out softmax keeps its weights, and the product before it keeps query and key. Rows
are taken at even distances by the record's number: no random number is drawn, nothing of the
program's is called.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    inputs,
    kind,
    output_shape,
    role,
    saved,
    signed_axis,
)
from relume.record.graph.op_names import RESHAPE
from relume.record.graph.recompute import MOST_PRODUCTS
from relume.record.measure.attention_sums import AttentionSample

FUSED = frozenset(
    f"ScaledDotProduct{name}Backward"
    for name in ("FlashAttentionForCpu", "FlashAttention", "EfficientAttention", "CudnnAttention")
)
SOFTMAX = frozenset({"SoftmaxBackward", "SafeSoftmaxBackward"})
PRODUCTS = {
    "BmmBackward": ("_saved_self", "_saved_mat2"),
    "BaddbmmBackward": ("_saved_batch1", "_saved_batch2"),
    "MmBackward": ("_saved_self", "_saved_mat2"),
}
MOST_BETWEEN = 12  # operations between the product and the softmax
MOST_SCORES = 8_192  # of one record: 32,768 cost four times as much (measured)
EXAMPLES = 4  # of the batch: padding and content differ between them
LEAST_POSITIONS = 4
MASKED = -1e4  # a bias from here on hides a key: what people add to mask, the least is fp16's
UNDERFLOW = {torch.float16: -16.0}  # log of a weight that its type rounds to zero; else -80


@dataclass(slots=True)
class AttentionCall:
    """Attention at one node.

    Attributes:
        node: the fused kernel, or the softmax.
        product: the node that multiplies query and key; None where the kernel does.
        steps: what happens to the product before the softmax, first step first: a factor (a
            number, or one for each head), or None for tanh.
        query: the node that computes the query.
    """

    node: AutogradNode
    product: AutogradNode | None
    steps: list[float | Tensor | None] = field(default_factory=list[float | Tensor | None])
    query: AutogradNode | None = None

    @property
    def fused(self) -> bool:
        """Whether one kernel computes all of it."""
        return self.product is None


def attention_at(graph: AutogradGraph, node: AutogradNode) -> AttentionCall | None:
    """The attention that a node computes; None if it computes none whose query and key are kept."""
    name = kind(node)
    if name in SOFTMAX and role(graph, node, "softmax") != "attention":
        return None
    return attention_again(node) if name in SOFTMAX or name in FUSED else None


def attention_again(node: AutogradNode) -> AttentionCall | None:
    """The attention of a node at whose place in the graph there was one before."""
    if kind(node) in FUSED:
        return AttentionCall(node, None, query=inputs(node)[0])
    result = saved(node, "_saved_result")
    if not isinstance(result, Tensor) or result.dim() < 2:
        return None
    if signed_axis(node._saved_dim) not in (-1, result.dim() - 1):
        return None
    return _behind_softmax(node)


def _behind_softmax(node: AutogradNode) -> AttentionCall | None:
    """Follow the scores back from a softmax to the product of query and key."""
    steps: list[float | Tensor | None] = []
    current = next((source for source in inputs(node) if source is not None), None)
    for _ in range(MOST_BETWEEN):
        if current is None:
            return None
        name = kind(current)
        if name in PRODUCTS:
            alpha = float(getattr(current, "_saved_alpha", 1))
            steps += [alpha] if alpha != 1 else []
            call = AttentionCall(node, current, steps[::-1], _operand(current))
            first = saved(current, PRODUCTS[name][0])
            second = saved(current, PRODUCTS[name][1])
            return call if isinstance(first, Tensor) and isinstance(second, Tensor) else None
        source = _larger(current)
        if name in ("MulBackward", "DivBackward"):
            factor = _factor(current, source)
            if factor is None:
                return None
            steps.append(factor)
        elif name == "TanhBackward":
            steps.append(None)
        elif name not in RESHAPE and name not in PASSED:
            return None
        current = source
    return None


PASSED = frozenset(f"{name}Backward" for name in ("Add", "Sub", "MaskedFill", "Where", "Triu"))


def _operand(product: AutogradNode) -> AutogradNode | None:
    """The node that computes the query: the first operand of the product."""
    sources = inputs(product)
    at = 1 if kind(product) == "BaddbmmBackward" else 0
    return sources[at] if at < len(sources) else None


def _larger(node: AutogradNode) -> AutogradNode | None:
    """The input with the most entries, the first of equal ones: scores, not their scale."""
    sources = [source for source in inputs(node) if source is not None]
    return max(sources, key=_entries, default=None)


def _entries(node: AutogradNode) -> int:
    shape = output_shape(node)
    return 0 if shape is None else torch.Size(shape).numel()


def _factor(node: AutogradNode, source: AutogradNode | None) -> float | Tensor | None:
    """The factor of a product or quotient on its signal; None where it is unknown."""
    first = inputs(node)[0] is source
    other = saved(node, "_saved_other" if first else "_saved_self")
    if kind(node) == "DivBackward" and not first:
        return None
    if isinstance(other, Tensor):
        other = other.detach().float()
        if kind(node) == "DivBackward":
            other = other.reciprocal()
        return other
    if isinstance(other, int | float):
        return 1 / other if kind(node) == "DivBackward" else float(other)
    return None


# --- reading ------------------------------------------------------------------------------------


def heads_of(call: AttentionCall, module: object) -> int:
    """How many heads an attention has; where they are folded into the batch the module says so."""
    if call.fused:
        query = saved(call.node, "_saved_query")
        return 0 if query is None else int(query.shape[-3])
    result = saved(call.node, "_saved_result")
    if result is None:
        return 0
    if result.dim() >= 4:
        return torch.Size(result.shape[1:-2]).numel()
    rows = int(result.shape[0]) if result.dim() == 3 else 1
    for name in ("num_heads", "n_heads", "n_head", "heads", "nhead", "num_attention_heads"):
        heads = getattr(module, name, None)
        if isinstance(heads, int) and heads > 0 and rows % heads == 0:
            return heads
    return 1


def key_size(call: AttentionCall) -> int:
    """The number of features of a query."""
    query, _ = _kept(call)
    return 0 if query is None else int(query.shape[-1])


def scale_of(call: AttentionCall) -> float | None:
    """The factor on the product of query and key; None where it is no single number."""
    if call.fused:
        scale = getattr(call.node, "_saved_scale", None)
        size = key_size(call)
        return size**-0.5 if scale is None and size else scale
    total = 1.0
    for step in call.steps:
        if step is None:
            break  # a softcap: what follows gives its limit
        if isinstance(step, Tensor):
            if step.numel() != 1:
                return None
            total *= float(step)
        else:
            total *= step
    return total


def sample(call: AttentionCall, heads: int, phase: int) -> AttentionSample | None:
    """A bounded number of rows of an attention; None where it is packed, or of another form."""
    query, key = _kept(call)
    if query is None or key is None or not heads:
        return None
    with torch.no_grad():
        query, key = query.detach(), key.detach()
        if call.fused:
            return _fused(call.node, _four(query), _four(key), phase)
        return _written(call, query, key, heads, phase)


def _kept(call: AttentionCall) -> tuple[Tensor | None, Tensor | None]:
    if call.product is None:
        return saved(call.node, "_saved_query"), saved(call.node, "_saved_key")
    first, second = PRODUCTS[kind(call.product)]
    return saved(call.product, first), saved(call.product, second)


def _four(tensor: Tensor) -> Tensor:
    return tensor.reshape(1, *tensor.shape) if tensor.dim() == 3 else tensor


def _picks(batch: int, rows: int, work: tuple[int, int, int], phase: int) -> tuple[slice, slice]:
    """Which examples and positions are read, at even distances.

    Args:
        batch: how many examples there are.
        rows: how many positions.
        work: heads, keys and features.
        phase: number of the record, from which the first ones follow.
    """
    heads, keys, size = work
    each = max(heads * keys, 1)
    most = max(1, min(MOST_SCORES // each, MOST_PRODUCTS // (each * max(size, 1))))
    examples = min(batch, EXAMPLES, max(1, most // LEAST_POSITIONS))
    positions = min(rows, max(1, most // examples))
    return _spread(batch, examples, phase), _spread(rows, positions, phase)


def _spread(total: int, wanted: int, phase: int) -> slice:
    step = max(total // wanted, 1)
    start = phase % step
    return slice(start, min(start + wanted * step, total), step)


def _fused(node: AutogradNode, query: Tensor, key: Tensor, phase: int) -> AttentionSample | None:
    batch, heads, rows, size = query.shape
    groups, keys = key.shape[1], key.shape[2]
    if not keys or not rows or heads % max(groups, 1):
        return None
    examples, positions = _picks(batch, rows, (heads, keys, size), phase)
    some, other = query[examples][:, :, positions].float(), key[examples].float()
    count, many = some.shape[0], some.shape[2]
    some = some.reshape(count, groups, -1, size)  # heads of a group share their keys
    scale = getattr(node, "_saved_scale", None)
    scores = _product(some, other) * (size**-0.5 if scale is None else scale)
    scores = scores.reshape(count, heads, many, keys)
    visible = scores.new_ones((1, 1, many, keys), dtype=torch.bool)
    if getattr(node, "_saved_is_causal", False):
        place = scores.device
        at = torch.arange(positions.start, positions.stop, positions.step, device=place)
        visible = visible & (torch.arange(keys, device=place) <= at[:, None])
    logits = scores
    mask = saved(node, "_saved_attn_mask")
    mask = saved(node, "_saved_attn_bias") if mask is None else mask
    if isinstance(mask, Tensor):
        mask = mask.detach().expand(batch, heads, rows, keys)[examples][:, :, positions]
        if mask.dtype is torch.bool:
            visible = visible & mask
        else:
            visible, logits = visible & (mask > MASKED), scores + mask.float()
    visible = visible.expand_as(scores)
    weights = torch.softmax(logits.masked_fill(~visible, -torch.inf), -1)
    return AttentionSample(scores, weights, visible)


def _product(query: Tensor, key: Tensor) -> Tensor:
    """Query times key, whose strides in a graph make a product several times slower."""
    return query.contiguous() @ key.contiguous().transpose(-1, -2)


def _written(
    call: AttentionCall, query: Tensor, key: Tensor, heads: int, phase: int
) -> AttentionSample | None:
    result = saved(call.node, "_saved_result")
    rows, keys = result.shape[-2:]
    size = query.shape[-1]
    if query.shape[-2] != rows or key.shape[-1] != keys or result.numel() % (heads * rows * keys):
        return None
    batch = result.numel() // (heads * rows * keys)
    if query.numel() != batch * heads * rows * size or key.numel() != batch * heads * size * keys:
        return None
    examples, positions = _picks(batch, rows, (heads, keys, size), phase)
    query = query.reshape(batch, heads, rows, size)[examples][:, :, positions].float()
    key = key.reshape(batch, heads, size, keys)[examples].transpose(-1, -2).float()
    scores = _product(query, key)
    for step in call.steps:
        if step is None:
            scores = scores.tanh()
        elif isinstance(step, Tensor) and step.numel() > 1:
            if step.numel() != heads:
                return None
            scores = scores * step.reshape(1, heads, 1, 1)
        else:
            scores = scores * step
    weights = result.detach().reshape(batch, heads, rows, keys)[examples][:, :, positions]
    least = UNDERFLOW.get(weights.dtype, -80.0)
    weights = weights.float()
    seen = weights > 0
    # A weight is zero under a mask, or because the score is far below the others.
    top = scores.masked_fill(~seen, -torch.inf).logsumexp(-1, keepdim=True)
    return AttentionSample(scores, weights, seen | (scores - top < least))
