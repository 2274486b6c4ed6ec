"""drop-act: an act that stands in the way removed.

## What it does
Replaces the act at its sites by the identity: the last act before the criterion, or the second of
two acts in a row that undoes the first.

## When it helps
Where the head cannot reach what the criterion asks for: a ReLU on logits, a tanh on targets beyond
1; and where an act behind another one cuts what that one gave. The layer before it keeps its
weights: re-initialise it as well if it saturated.

## How it is applied
As swap-act: act modules are replaced by the identity, calls are answered by their input.

## What it changes (safety)
RETRAIN: the network computes another function.

## References
PyTorch documentation, `torch.nn.CrossEntropyLoss`. LeCun, Bottou, Orr and Müller, "Efficient
BackProp", 1998.
"""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from relume.acts.families.output_layer import identity
from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.live.edit_job import EditJob, several
from relume.fixes.live.model_names import LiveModel
from relume.fixes.shared.site_queries import first_head_act
from relume.fixes.shared.swap_live import LiveSwaps

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT203": 2, "ACT204": 2, "ACT103": 1}
IN_A_ROW = "ACT103"


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose the head's last act, or the second act of a harmful pair."""
    if finding.code == IN_A_ROW:
        if finding.evidence.more.get("effect") != "idle" and finding.site:
            sites, at, act = second_acts(finding, diagnosis)
            yield PAGE.edit(f"{', '.join(sites)} removed", sites=sites, at=at, act=act)
        return
    sites, at = first_head_act(trace, "")
    # rows of probabilities and log-sigmoids are a part of a likelihood, not in its way
    if sites and at is not None and not at.rows and not (math.isinf(at.low) and at.high <= 0):
        yield PAGE.edit(f"{at.act} after the head removed", sites=sites, at=at, act=at.act)


def second_acts(
    finding: Finding, diagnosis: Diagnosis
) -> tuple[tuple[str, ...], Finding | None, str]:
    """Return the second act of every pair of this kind: one edit removes all of them.

    Returns:
        Their sites; the finding with the source line, None where they stand at more than the one
        place that a patch can remove; and the name of the act.
    """
    idle = finding.evidence.more.get("effect") == "idle"
    pairs = [f for f in diagnosis.findings if f.code == finding.code and f.site]
    pairs = [f for f in pairs if (f.evidence.more.get("effect") == "idle") == idle]
    acts = {str(f.evidence.more.get("second") or "") for f in pairs}
    one = len({(f.file, f.line) for f in pairs}) == 1 and len(acts) == 1
    return tuple(dict.fromkeys(f.site for f in pairs)), finding if one else None, min(acts)


def apply(edit: Edit, session: "EditSession") -> None:
    """Put the identity in place of the acts."""
    replace_by_identity(edit, session)


def replace_by_identity(edit: Edit, session: "EditSession") -> None:
    """Put the identity at the edit's sites."""
    job, swaps = session.current, LiveSwaps(session)
    job.no_effect = "no model with these acts was called"
    job.describe = _summary

    def start(model: LiveModel) -> None:
        for site in edit.sites:
            swaps.swap(model, site, identity, None)

    session.on_start(start, training=False, copies=True)


def _summary(job: EditJob) -> str:
    parts = (several(n, what.removesuffix(" replaced")) for what, n in job.counts.items())
    return f"{', '.join(parts)} removed"


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Remove the call at the site's line, or the last module of the Sequential."""
    from relume.fixes.source.act_calls import without_act

    return without_act(source, str(option(edit, "act", "")))


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
