"""Finds models of sequences that attend to the very tokens they are asked for."""

from dataclasses import dataclass

import torch
from torch import Tensor

from relume.record.graph.attention import FUSED, MASKED, SOFTMAX
from relume.record.graph.autograd_graph import AutogradGraph, AutogradNode, kind, saved
from relume.record.graph.criterion import Criterion

LEAST = 4  # tokens of a sequence
SOME = 16  # heads and examples that are looked at
SEEN = 1e-4  # of a row's attention


@dataclass(frozen=True, slots=True)
class LooksAhead:
    """An attention over the tokens of which the next one is asked for.

    Attributes:
        node: the first attention that sees later places.
        tokens: how many a sequence has.
        layers: how many such attentions there are.
    """

    node: AutogradNode
    tokens: int
    layers: int


def looks_ahead(graph: AutogradGraph, criterion: Criterion) -> LooksAhead | None:
    """Return where attention sees the targets: None where they are not the next tokens, or a mask
    hides what comes later in any of the attentions (of an encoder and a decoder one has it)."""
    target = saved(criterion.node, "_saved_target")
    if criterion.name != "cross_entropy" or not isinstance(target, Tensor):
        return None
    tokens = next((t for node in graph.nodes if (t := _next_asked(node, target))), 0)
    if not tokens:
        return None
    ahead = [(node, sees) for node in graph.nodes if (sees := _sees(node, tokens)) is not None]
    if not ahead or not all(sees for _, sees in ahead):
        return None
    return LooksAhead(ahead[0][0], tokens, len(ahead))


def _next_asked(node: AutogradNode, target: Tensor) -> int:
    """How many tokens a sequence has, if the targets are the tokens that enter, one place on."""
    if kind(node) != "EmbeddingBackward":
        return 0
    entered = saved(node, "_saved_indices")
    if not isinstance(entered, Tensor) or entered.dim() != 2 or entered.shape[1] < LEAST:
        return 0
    if entered.numel() != target.numel() or target.is_floating_point():
        return 0
    asked = target.detach().reshape(entered.shape)[:, :-1]
    counts = asked >= 0  # padding has a negative label
    same = (asked == entered[:, 1:]) | ~counts
    return int(entered.shape[1]) if bool(same.all() & (counts.sum() * 2 > counts.numel())) else 0


def _sees(node: AutogradNode, tokens: int) -> bool | None:
    """Whether an attention over so many tokens sees later places; None of other nodes."""
    if kind(node) in FUSED:
        query, key = saved(node, "_saved_query"), saved(node, "_saved_key")
        if not isinstance(query, Tensor) or not isinstance(key, Tensor):
            return None
        if query.shape[-2] != tokens or key.shape[-2] != tokens:
            return None
        if getattr(node, "_saved_is_causal", False):
            return False
        mask = saved(node, "_saved_attn_mask")
        mask = saved(node, "_saved_attn_bias") if mask is None else mask
        if not isinstance(mask, Tensor):
            return True
        later = _later(mask.detach())
        return bool(later.any() if later.dtype is torch.bool else (later > MASKED).any())
    if kind(node) not in SOFTMAX:
        return None
    result = saved(node, "_saved_result")
    if not isinstance(result, Tensor) or result.dim() < 3 or result.shape[-2:] != (tokens, tokens):
        return None
    return bool((_later(result.detach()) > SEEN).any())


def _later(table: Tensor) -> Tensor:
    """The entries above the diagonal, of a few examples and heads."""
    rows, columns = table.shape[-2:]
    above = torch.ones(rows, columns, dtype=torch.bool, device=table.device).triu(1)
    return table.reshape(-1, rows, columns)[:SOME][:, above]
