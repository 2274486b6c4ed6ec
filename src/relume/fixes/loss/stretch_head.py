"""stretch-head: the head's act stretched to the range of the targets.

## What it does
Multiplies the output of the head's last act by a factor and adds an offset, so that its range
covers the targets that were recorded, with a tenth to spare on either side. To scale the targets
into the act's range is the same up to the scale of the loss; this way predictions stay in the
targets' unit.

## When it helps
Where the range is meant (an angle, a bounded control signal) and only its size is wrong. Where
targets have no bounds, drop-act is the cure.

## How it is applied
The calls of that act are answered with the stretched output.

## What it changes (safety)
RETRAIN: the network computes another function.

## References
LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from relume.acts.lookup import act as find
from relume.acts.traits import output_range
from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.live.call_handlers import PASS, FunctionCall
from relume.fixes.shared.site_queries import first_head_act
from relume.fixes.shared.swap_live import LiveSwaps

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT204": 1}
SPARE = 0.1  # of the range on either side: an S-shaped act reaches its ends only at infinity


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose the range of the targets that the criterion got."""
    sites, at = first_head_act(trace, "")
    low = [v for f in trace.facts_of("criterion") if (v := f.data.get("target_min")) is not None]
    high = [v for f in trace.facts_of("criterion") if (v := f.data.get("target_max")) is not None]
    if not sites or at is None or not at.bounded or at.rows or not low or not high:
        return
    least, most = float(min(low)), float(max(high))
    spare = SPARE * (most - least)
    # four digits, as people would write them
    least, most = (float(f"{end:.4g}") for end in (least - spare, most + spare))
    text = f"{at.act} after the head stretched to [{least:.3g}, {most:.3g}]"
    yield PAGE.edit(text, sites=sites, at=at, low=least, high=most, act=at.act)


def apply(edit: Edit, session: "EditSession") -> None:
    """Answer the head's act with its output, stretched."""
    low, high = float(option(edit, "low", -1.0)), float(option(edit, "high", 1.0))
    job, swaps = session.current, LiveSwaps(session)
    job.no_effect = "no model with such a head was called"
    job.describe = lambda job: job.text

    def answer(call: FunctionCall) -> Any:
        if call.act is None:
            return PASS
        bottom, top = output_range(call.act)
        if not math.isfinite(top - bottom):
            return PASS
        return low + (call.act(call.z) - bottom) * ((high - low) / (top - bottom))

    swaps.answer_all(edit.sites, answer)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Stretch the act's call at the site's line, or the output of its module by a hook."""
    from relume.fixes.source.act_calls import around_act
    from relume.fixes.source.setup_blocks import before_optimiser

    act = str(option(edit, "act", ""))
    low, high = float(option(edit, "low", -1.0)), float(option(edit, "high", 1.0))
    bottom, top = output_range(find(act))
    if not math.isfinite(top - bottom):
        return None

    def stretched(call: str) -> str:
        above = f"({call} - {bottom:g})" if bottom else call
        return f"({low:g} + {above} * {(high - low) / (top - bottom):.12g})"

    wrapped = around_act(source, act, stretched)
    if wrapped is not None or len(edit.sites) != 1 or "(" in edit.sites[0]:
        return wrapped
    hook = f"lambda layer, inputs, output: {stretched('output')}"
    part = f'{{model}}.get_submodule("{edit.sites[0]}")'
    return before_optimiser(source, f"# {edit.text}\n{part}.register_forward_hook({hook})\n")


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
