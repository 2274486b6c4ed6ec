"""logits-to-criterion: the criterion gets the logits, not their softmax or sigmoid.

## What it does
Where cross-entropy receives the output of a softmax, or binary cross-entropy with logits that of a
sigmoid, hands it what entered the softmax or sigmoid instead. Everything else, your predictions
included, still sees the probabilities.

## When it helps
Always, where the rule found it: the criterion applies its own softmax, and on probabilities its
loss has a floor (1.461 for ten classes) and its gradient is small. Training gets faster and
further; a trial shows how much.

## How it is applied
During the run, outputs of a softmax or sigmoid remember their logits, through reshapes and casts,
and the criterion is called on these. A criterion written by hand is not recognised. In your source:
remove the softmax and apply it for prediction only.

## What it changes (safety)
RETRAIN: the loss is another one.

## References
PyTorch documentation, `torch.nn.CrossEntropyLoss`: "the input is expected to contain the
unnormalized logits". Bridle, "Probabilistic interpretation of feedforward classification network
outputs", 1990.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch.nn import functional

from relume.acts.act import Act, acts, find_act
from relume.acts.traits import output_range
from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit, Safety
from relume.fixes.base import option, page
from relume.fixes.live.call_handlers import PASS, FunctionCall
from relume.fixes.live.provenance import MadeBy, at_criterion, remember_inputs
from relume.fixes.shared.site_queries import first_head_act

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

PAGE = page(__doc__)

RUNGS = {"ACT201": 1, "ACT202": 1}
OF_ROWS = "ACT201"


def _is_softmax(act: Act) -> bool:
    return act.traits["rows"] == "probabilities"


def _squashes(act: Act) -> bool:
    return act.elementwise and output_range(act) == (0.0, 1.0)


CRITERIA = {
    functional.cross_entropy: _is_softmax,
    functional.binary_cross_entropy_with_logits: _squashes,
}


def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
    """Propose it at the act before the criterion."""
    act = "softmax" if finding.code == OF_ROWS else "sigmoid"
    site, at = first_head_act(trace, act)
    yield PAGE.edit(f"{act} before the criterion removed", sites=site, at=at or finding, act=act)


def apply(edit: Edit, session: "EditSession") -> None:
    """Tag outputs with their logits, and give these to the criterion."""
    job = session.current
    job.no_effect = "no criterion received the output of a softmax or sigmoid"
    job.describe = lambda job: f"{job.text} ({sum(job.counts.values())} calls)"

    def change(call: FunctionCall, made: MadeBy | None) -> Any:
        if made is None or not CRITERIA[call.function](find_act(made.act)):
            return PASS
        job.count("call")
        return call.on(made.z)

    wanted = CRITERIA.values()
    names = tuple(name for name, act in acts().items() if any(fits(act) for fits in wanted))
    session.on_calls(remember_inputs(names), outside=True)
    session.on_calls(dict.fromkeys(CRITERIA, at_criterion(change)), outside=True)


def patch(edit: Edit, source: "Source") -> "Patch | None":
    """Remove the call at the site's line, or the last module of the Sequential."""
    from relume.fixes.source.act_calls import without_act

    return without_act(source, str(option(edit, "act", "softmax")))


FIX = PAGE.fix(Safety.RETRAIN, RUNGS, propose, apply, patch)
