"""exact-act: the act evaluated in a wider type, its slope too.

## What it does
Answers the act at its sites with the same act evaluated in float32 where it runs in bfloat16 or
float16 (in float64 for float32) and rounded once, in the backward pass too.

## When it helps
Where a smooth act's slope comes out as exactly zero because the framework computes it from a
rounded output: units stop learning through no fault of their own. It costs time.

## How it is applied
As swap-act, with the same act.

## What it changes (safety)
EXACT: the same function to rounding; its slope is the true one.

## References
Kalamkar et al., "A study of BFLOAT16 for deep learning training", 2019, arXiv:1905.12322.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch import Tensor

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.live.call_handlers import PASS, FunctionCall
from relume.fixes.shared.site_queries import sites_alike
from relume.fixes.shared.swap_live import LiveSwaps, apply_in_place

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT801": 1}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it at every site of this rule's findings."""
    sites = sites_alike(finding, diagnosis)
    if sites:
        known = trace.site(finding.site)
        text = f"exact slopes at {', '.join(sites)}"
        yield PAGE.edit(text, sites=sites, at=finding, act=known.act if known else "")


def apply(edit: Edit, session: "EditSession") -> None:
    """Answer the acts at the sites with themselves, evaluated exactly."""
    job, swaps = session.current, LiveSwaps(session)
    job.no_effect = "no model with these acts was called"
    job.describe = lambda job: f"{job.text} ({sum(job.counts.values())} acts)"

    def answer(call: FunctionCall) -> Any:
        act = call.act
        if act is None or not act.elementwise or act.learnable:
            return PASS

        def exact(z: Tensor) -> Tensor:
            return act(z, exact=True)

        return apply_in_place(call, exact)

    swaps.answer_all(edit.sites, answer)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Rewrite the one call of the act at the line, where its operand is a name."""
    from relume.fixes.source.operand_calls import around_operand

    act = str(option(edit, "act", ""))
    if len(edit.sites) != 1 or not act:
        return None
    return around_operand(source, act, lambda call, x: f"{call}.to({x}.dtype)", "{}.double()")


def by_hand(edit: Edit, source: "Source") -> str:
    """Say what to write in place of the act's calls."""
    sites = ", ".join(edit.sites)
    place = f"{source.relative}:{source.line}"
    return f"{place}: for act(x) at {sites} write `act(x.double()).to(x.dtype)`."


FIX = PAGE.fix(Safety.EXACT, RUNGS, propose, apply, patch, by_hand)
