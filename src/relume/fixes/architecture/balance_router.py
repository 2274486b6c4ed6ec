"""balance-router: a bias on the router's choice, raised for experts with less than their share.

## What it does
Adds a bias to what the router ranks, for the choice alone: the chosen values that weigh the experts
stay what they were. After each choice in training the bias of every expert below the mean load goes
up by a small step, and that of every other one down.

## When it helps
Where experts are never called, or one takes nearly all rows: the others get rows, and learn.

## How it is applied
At every `topk` and `max` over that many experts in the router's module, in training and in
evaluation; the bias begins at zero and moves in training only, by a twentieth of the mean distance
between a row's best and its average.

## What it changes (safety)
RETRAIN: rows go to other experts.

## References
Wang et al., "Auxiliary-loss-free load balancing strategy for mixture-of-experts", 2024,
arXiv:2408.15664. The size of the step is ours: theirs (0.001) is for sigmoid scores.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.live.call_handlers import PASS, FunctionCall
from relume.fixes.live.edit_job import several
from relume.fixes.shared.live_places import LivePlaces
from relume.fixes.shared.site_queries import sites_alike

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Source

PAGE = page(__doc__)

RUNGS = {"ACT406": 1}
STEP = 0.05  # of the mean distance between a row's best and its average; ours


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose one edit for all routers of the rule's findings."""
    experts = finding.evidence.more.get("experts")
    if isinstance(experts, int):
        sites = sites_alike(finding, diagnosis)
        yield PAGE.edit("choices balanced by a bias", sites=sites, at=finding, experts=experts)


def apply(edit: Edit, session: "EditSession") -> None:
    """Answer every choice among that many experts."""
    job, places = session.current, LivePlaces(edit, session)
    job.no_effect = "no choice among that many experts was made there"
    job.describe = lambda job: f"{edit.text} in {several(job.counts['router'], 'router')}"
    experts = int(option(edit, "experts", 0))
    biases: dict[str, Tensor] = {}

    def answer(call: FunctionCall) -> Any:
        z, picks = call.z, _picks(call)
        if not isinstance(z, Tensor) or z.dim() < 2 or z.shape[-1] != experts or not picks:
            return PASS
        at = places.now()
        if at is None:
            return PASS
        if at not in biases:
            biases[at] = torch.zeros(experts, device=z.device)
            job.count("router")
        ranked = z.detach().float() + biases[at]
        index = ranked.topk(picks, -1).indices
        if torch.is_grad_enabled() and z.requires_grad:
            biases[at] = _moved(biases[at], z.detach().float(), index)
        values = z.gather(-1, index)
        if call.function in MAX:
            if not call.kwargs.get("keepdim", len(call.args) > 2 and call.args[2]):
                values, index = values.squeeze(-1), index.squeeze(-1)
            return torch.return_types.max((values, index))
        return torch.return_types.topk((values, index))

    session.on_calls(dict.fromkeys((*TOPK, *MAX), answer))


TOPK, MAX = (torch.topk, Tensor.topk), (torch.max, Tensor.max)


def _picks(call: FunctionCall) -> int:
    """How many are chosen over the last axis; 0 where it is no such choice."""
    at = 1 if call.function in MAX else 2
    axis = call.args[at] if len(call.args) > at else call.kwargs.get("dim")
    if call.function in TOPK:
        axis = -1 if axis is None else axis
        picks = call.args[1] if len(call.args) > 1 else call.kwargs.get("k", 0)
    else:
        picks = 1
    last = isinstance(axis, int) and isinstance(call.z, Tensor) and axis in (-1, call.z.dim() - 1)
    return int(picks) if last and isinstance(picks, int) else 0


def _moved(bias: Tensor, z: Tensor, index: Tensor) -> Tensor:
    """The bias after one choice: up where the load is below the mean, else down."""
    ones = torch.ones(index.numel(), device=z.device)
    load = torch.zeros_like(bias).index_add_(0, index.reshape(-1), ones)
    step = STEP * (z.amax(-1) - z.mean(-1)).mean()
    return bias + step * torch.sign(load.mean() - load)


def by_hand(edit: Edit, source: "Source") -> str:
    """Say what to write at the choice."""
    place = f"{source.relative}:{source.line}"
    return (
        f"{place}: rank scores + bias, gather the chosen scores without it, and after each step "
        "raise the bias of experts below the mean load and lower the others'."
    )


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, by_hand=by_hand)
