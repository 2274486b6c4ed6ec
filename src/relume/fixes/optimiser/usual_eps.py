"""usual-eps: an eps far below the gradients in place of one far above them.

## What it does
Gives every optimiser whose eps is larger the eps that torch gives Adam, 1e-8.

## When it helps
Where the eps outweighs the gradient's size: Adam's step is then a small part of what its rate says.
A large eps can be meant, together with a large rate; the trial says which.

## How it is applied
Around every step of every optimiser that has an eps: the entry is set before it and put back after
it. An eps below 1e-8 stays.

## What it changes (safety)
RETRAIN: the same model takes other steps. In float16 the sum of 1e-8 and a root of zero is zero:
there it is not proposed.

## References
Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, arXiv:1412.6980.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from torch.optim.optimizer import Optimizer

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.live.edit_job import several
from relume.fixes.shared.site_queries import script

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT908": 0.5}
USUAL = 1e-8  # torch's own default of Adam, AdamW, NAdam, RAdam, RMSprop


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it where the eps outweighs the gradient."""
    half = any(fact.data.get("dtype") == "float16" for fact in trace.facts_of("update"))
    if finding.evidence.stat == "eps_over_gradient" and not half:
        yield PAGE.edit(f"an eps of {USUAL:g}", at=script(trace), eps=USUAL)


def apply(edit: Edit, session: "EditSession") -> None:
    """Set the eps of every group for the length of each step."""
    eps, job = float(option(edit, "eps", USUAL)), session.current
    job.no_effect = f"no optimiser has an eps above {eps:g}"
    job.describe = lambda job: (
        f"an eps of {eps:g} in {several(job.counts['optimiser'], 'optimiser')}"
    )
    counted: set[int] = set()

    def before(optimizer: Optimizer, _count: int) -> None:
        large = [g for g in optimizer.param_groups if _size(g.get("eps")) > eps]
        for group in large:
            session.override(group, "eps", eps)
        if large and id(optimizer) not in counted:
            counted.add(id(optimizer))
            job.count("optimiser")

    session.on_step(before)


def _size(eps: object) -> float:
    """The eps of a group; Adafactor has two, which are of another kind."""
    return float(eps) if isinstance(eps, int | float) else 0.0


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Write it where the script makes its optimisers."""
    from relume.fixes.source.optimizer_argument import set_entry_patch

    return set_entry_patch(source, "eps", float(option(edit, "eps", USUAL)))


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
