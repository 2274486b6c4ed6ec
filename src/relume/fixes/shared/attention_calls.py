"""Answers the attention of a live model with other scores, fused or written out.

A fused call has its query and key among its arguments. Of a written one the product of two signals
is noted, and the next softmax over as many entries is taken for its own: what lies between (a
scale, a mask, a bias) stays, and only the difference of the products is added.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from relume.core.trial import Edit
from relume.fixes.base import option
from relume.fixes.live.call_handlers import PASS, FunctionCall
from relume.fixes.live.edit_job import several
from relume.fixes.shared.live_places import LivePlaces

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession

HIDDEN = -1e4  # a score from here on is hidden by a mask, as the recorder has it
FUSED = functional.scaled_dot_product_attention
SOFTMAX = (torch.softmax, functional.softmax, Tensor.softmax)
MATMUL = (torch.matmul, torch.bmm, Tensor.matmul, Tensor.bmm, Tensor.__matmul__)


@dataclass(slots=True)
class Fused:
    """The arguments of one `scaled_dot_product_attention`."""

    query: Tensor
    key: Tensor
    value: Tensor
    attn_mask: Tensor | None = None
    dropout_p: float = 0.0
    is_causal: bool = False
    scale: float | None = None
    enable_gqa: bool = False

    def run(self) -> Any:
        """Make the call."""
        return FUSED(
            *(self.query, self.key, self.value, self.attn_mask, self.dropout_p, self.is_causal),
            scale=self.scale,
            enable_gqa=self.enable_gqa,
        )

    def weights(self, change: Callable[[Tensor], Tensor]) -> Any:
        """Compute it step by step, with the scores changed before mask and softmax."""
        key, value = self.key, self.value
        if self.enable_gqa:
            times = self.query.shape[-3] // key.shape[-3]
            key, value = (each.repeat_interleave(times, -3) for each in (key, value))
        size = self.query.shape[-1]
        scale = size**-0.5 if self.scale is None else self.scale
        scores = change(self.query @ key.transpose(-1, -2) * scale)
        if self.is_causal:
            hidden = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
            scores = scores.masked_fill(hidden, -torch.inf)
        if self.attn_mask is not None and self.attn_mask.dtype is torch.bool:
            scores = scores.masked_fill(~self.attn_mask, -torch.inf)
        elif self.attn_mask is not None:
            scores = scores + self.attn_mask
        weights = scores.softmax(-1)
        return functional.dropout(weights, self.dropout_p) @ value


@dataclass(slots=True)
class Written:
    """The scores of a written-out attention, as they enter the softmax.

    Attributes:
        scores: with scale, mask and bias.
        product: query times key, in the shape of the scores.
        query, key: the operands, the key as (..., features, keys).
    """

    scores: Tensor
    product: Tensor
    query: Tensor
    key: Tensor


class AttentionAnswers:
    """Handlers for one edit; `answer_attention` registers them."""

    def __init__(
        self,
        edit: Edit,
        session: "EditSession",
        fused: Callable[[Fused], Any],
        written: Callable[[Written], Tensor],
    ) -> None:
        self._job = session.current
        self._fused, self._written = fused, written
        self._places = LivePlaces(edit, session)
        self._last: tuple[Tensor, Tensor] | None = None  # the last product of two signals
        self._seen: set[str] = set()

    def table(self) -> dict[Any, Callable[[FunctionCall], Any]]:
        """The handlers by function."""
        products = dict.fromkeys((torch.einsum, torch.baddbmm, *MATMUL), self._on_product)
        return {FUSED: self._on_fused, **products, **dict.fromkeys(SOFTMAX, self._on_softmax)}

    def _count(self, at: str) -> None:
        if at not in self._seen:
            self._seen.add(at)
            self._job.count("call")

    def _on_fused(self, call: FunctionCall) -> Any:
        at = self._places.now()
        if at is None:
            return PASS
        self._count(at)
        return self._fused(Fused(*call.args, **call.kwargs))

    def _on_product(self, call: FunctionCall) -> Any:
        self._last = _operands(call) or self._last
        return PASS

    def _on_softmax(self, call: FunctionCall) -> Any:
        z, operands = call.z, self._last
        if operands is None or not isinstance(z, Tensor) or not _is_last(call, z):
            return PASS
        self._last = None
        at = self._places.now()
        if at is None:
            return PASS
        query, key = operands
        product = query @ key
        if product.numel() != z.numel() or product.shape[-2:] != z.shape[-2:]:
            return PASS
        self._count(at)
        return call.on(self._written(Written(z, product.reshape(z.shape), query, key)))


def answer_attention(
    edit: Edit,
    session: "EditSession",
    fused: Callable[[Fused], Any],
    written: Callable[[Written], Tensor],
) -> None:
    """Answer every attention at the edit's sites (everywhere if it names none).

    Args:
        edit: whose sites are attention's, ``"body.attention()"``.
        session: of the live run.
        fused: answers a fused call.
        written: gives the scores that enter the softmax.
    """
    job = session.current
    job.no_effect = "no attention was called there"
    job.describe = lambda job: f"{edit.text} in {several(job.counts['call'], 'module')}"
    session.on_calls(AttentionAnswers(edit, session, fused, written).table())


def _operands(call: FunctionCall) -> tuple[Tensor, Tensor] | None:
    """Query and key of a call that multiplies two signals of three axes or more."""
    given = call.args
    if call.function is torch.einsum:
        return _of_einsum(given)
    if call.function is torch.baddbmm:
        given = given[1:]
    if len(given) < 2 or not all(isinstance(each, Tensor) for each in given[:2]):
        return None
    first, second = given[:2]
    alike = first.dim() >= 3 and second.dim() >= 3 and first.shape[-1] == second.shape[-2]
    return (first, second) if alike else None


def _of_einsum(given: tuple[Any, ...]) -> tuple[Tensor, Tensor] | None:
    """Of ``"bqd,bkd->bqk"``: both operands end with what is summed over."""
    if len(given) != 3 or not isinstance(given[0], str):
        return None
    equation, first, second = given
    names, _, out = equation.replace(" ", "").partition("->")
    one, _, two = names.partition(",")
    if not one or not two or one[-1] != two[-1] or out != one[:-1] + two[-2]:
        return None
    return (first, second.transpose(-1, -2)) if one[:-2] == two[:-2] else None


def _is_last(call: FunctionCall, z: Tensor) -> bool:
    axis = call.args[1] if len(call.args) > 1 else call.kwargs.get("dim")
    return axis in (-1, z.dim() - 1)


def cap(scores: Tensor, limit: float) -> Tensor:
    """A softcap that leaves hidden keys hidden."""
    return torch.where(scores <= HIDDEN, scores, limit * torch.tanh(scores / limit))


def rescaled(at: Written, edit: Edit, product: Tensor, scale: float) -> Tensor:
    """The scores with `product` times `scale` in the place of query times key times their scale."""
    was = float(option(edit, "scale", 1.0))
    return at.scores + (product.reshape(at.scores.shape) * scale - at.product * was)
