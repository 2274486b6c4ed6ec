"""straight-through: a step that lets the gradient pass.

## What it does
Answers `sign`, `round`, `floor`, `ceil` and `trunc` with the same values, and passes the gradient
on as if the operation were not there: for `sign` where its input lies within -1 and 1, for the
others everywhere.

## When it helps
Where such an operation keeps the error from the weights before it: binary and quantised networks.
A choice (`argmax`) or a comparison is no such call; a softmax, Gumbel's or a surrogate is its
cure.

## How it is applied
At every call of that operation in the program whose input carries a gradient.

## What it changes (safety)
RETRAIN: the forward pass is the same, and the weights before it begin to learn.

## References
Bengio, Léonard and Courville, 2013, arXiv:1308.3432. Courbariaux et al., "Binarized neural
networks", 2016, arXiv:1602.02830 (the limit of 1).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.live.call_handlers import PASS, FunctionCall

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT104": 1}
OPERATIONS = ("sign", "sgn", "round", "floor", "ceil", "trunc")
LIMITED = ("sign", "sgn")


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it for the operation that the finding names."""
    operation = str(finding.evidence.more.get("operation"))
    if operation in OPERATIONS:
        yield PAGE.edit(f"{operation} passes the gradient", at=finding, operation=operation)


def apply(edit: Edit, session: "EditSession") -> None:
    """Answer every call of the operation that takes a gradient."""
    job, name = session.current, str(option(edit, "operation", "sign"))
    job.no_effect = f"{name} was never called with a gradient"

    def answer(call: FunctionCall) -> Any:
        z = call.z
        if not isinstance(z, Tensor) or not z.requires_grad or call.in_place:
            return PASS
        if not torch.is_grad_enabled():
            return PASS
        made = call.run()
        soft = z.clamp(-1.0, 1.0) if name in LIMITED else z
        if not job.counts:
            job.count("call")
        return soft + (made - soft).detach()

    functions = (getattr(torch, name), getattr(Tensor, name))
    session.on_calls(dict.fromkeys(functions, answer), outside=True)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Rewrite the one call at the line, where its operand is a name."""
    from relume.fixes.source.operand_calls import around_operand

    name = str(option(edit, "operation", "sign"))

    def passing(call: str, x: str) -> str:
        soft = f"{x}.clamp(-1, 1)" if name in LIMITED else x
        return f"({soft} + ({call} - {soft}).detach())"

    return around_operand(source, name, passing)


def by_hand(edit: Edit, source: "Source") -> str:
    """Say what to write in place of the call."""
    name = str(option(edit, "operation", "sign"))
    soft = "x.clamp(-1, 1)" if name in LIMITED else "x"
    place = f"{source.relative}:{source.line}"
    return f"{place}: for {name}(x) write `{soft} + (torch.{name}(x) - {soft}).detach()`."


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch, by_hand)
