"""What may be said of a run as a whole, and what is missing for saying that it is fine.

"Fine" is a claim with evidence: the loss is known evenly to its end, it ends better than the best
constant guess, what the script prints of held-out rows does not contradict it, every weight that
trains has a gradient and moves, and every act of the training was recorded until its end. What is
missing is named, and then the word is "nothing found". A run that stalls or diverges fails, whether
or not a rule is sure of the cause; one that learns with a finding of `warning` "learns, but". Where
nothing was recorded, nothing is said.

Limits: the last loss lies within a thousandth of the end by the schedule of the recorder
(`LOSS_END` allows for twice that), the last record within a tenth (`RECORD_END`).
"""

from collections.abc import Iterator, Sequence

import numpy as np

from relume.core import Finding, Outcome, Severity, Trace
from relume.rules.new_rows import of_new_rows
from relume.rules.outcome import targets_move
from relume.rules.series_tools import number

FINE = "fine"
LEARNS_BUT = "learns-but"
FAILS = "fails"
NOTHING_FOUND = "nothing-found"
UNSEEN = "unseen"
WORST_FIRST = (FAILS, UNSEEN, LEARNS_BUT, NOTHING_FOUND, FINE)

LOSS_END = 0.002  # of the run: losses that end earlier say nothing about its end
RECORD_END = 0.1  # of the run: acts last recorded earlier say nothing about its end
PLATEAU = 0.5  # of chance: a loss above has most of the way before it, or stays there
CHILDREN = 1.0  # seconds of child processes: importing torch alone takes as long
OFTEN = 0.5  # of the records: a network that runs then belongs to the step, not to an evaluation
DISTANCES = frozenset({"mse", "l1", "smooth_l1", "huber", "kl_div"})  # to targets of any kind
NAMED = 3  # weights that are named where some were not seen to move


def verdict(
    trace: Trace, outcome: Outcome, findings: Sequence[Finding]
) -> tuple[str, tuple[str, ...]]:
    """Return the verdict in a word, and what is missing for calling the run fine."""
    if trace.facts_of("failed-step"):
        return FAILS, ()
    if not number(trace.meta.get("records")) and not trace.table:
        return UNSEEN, tuple(_of_nothing(trace))
    if outcome.fares_badly:
        return FAILS, ()
    worst = max((finding.severity for finding in findings), default=Severity.FACT)
    if worst >= Severity.WARNING:
        return (LEARNS_BUT if outcome.learns else FAILS), ()
    missing = tuple(_missing(trace, outcome))
    return (NOTHING_FOUND if missing else FINE), missing


def _missing(trace: Trace, outcome: Outcome) -> Iterator[str]:
    yield from _of_loss(trace, outcome)
    yield from of_new_rows(trace, outcome)
    yield from _of_acts(trace)
    yield from _of_weights(trace)
    hidden = {str(fact.data.get("operation", "?")) for fact in trace.facts_of("opaque")}
    if hidden:
        yield f"what happens inside {', '.join(sorted(hidden))}"
    for fact in trace.facts_of("error"):
        yield f"a part of the recorder that failed ({fact.data.get('where', '?')})"
    world = number(trace.meta.get("world"))
    if world is not None and world > 1 and not trace.meta.get("ranks"):
        yield f"the other {world - 1:.0f} ranks (relume combine merges their files)"


def _of_nothing(trace: Trace) -> Iterator[str]:
    """What is missing where nothing was recorded."""
    seconds = number(trace.meta.get("children_seconds")) or 0.0
    if seconds < CHILDREN:
        yield "no training was recorded"
        return
    yield "no training was recorded in this process"
    yield (
        f"what its child processes did, which worked for {seconds:.0f} s (relume.watch(model) "
        "inside the function that they run records them)"
    )


def _of_loss(trace: Trace, outcome: Outcome) -> Iterator[str]:
    if not outcome.learns and outcome.name != "plateaued":
        yield "whether it learns: " + outcome.text[:1].lower() + outcome.text[1:].rstrip(".")
        return
    if outcome.name == "balanced":
        yield "how well the two do: where networks are trained against each other no loss tells"
    elif targets_move(trace):
        yield "whether a lower loss is better: its targets move with the model"
    else:
        yield from _of_target_networks(trace)
    chance, end = (number(outcome.numbers.get(name)) for name in ("chance", "end"))
    if chance is not None and end is not None and end > PLATEAU * chance:
        if outcome.name == "plateaued":
            yield f"why it stays at {end:.4g}, where guessing gives {chance:.4g}"
        else:
            yield f"whether it goes on to fall: it is at {end:.4g}, and guessing gives {chance:.4g}"
    if chance is None and outcome.name != "balanced":
        yield "whether the loss ends better than guessing: its chance level is not known"
    loss, steps = trace.series("", "loss"), _end(trace)
    if loss is not None and len(loss) and steps is not None:
        last = int(loss.steps[-1])
        if steps - 1 - last > max(2, LOSS_END * steps):
            yield f"the loss after step {last} of {steps}"


def _of_target_networks(trace: Trace) -> Iterator[str]:
    """A network of the same shape that ran without a gradient: its output may be the targets."""
    losses = {str(fact.data.get("loss")) for fact in trace.facts_of("criterion")}
    if not losses & DISTANCES:
        return
    records = number(trace.meta.get("records")) or 0
    for fact in trace.facts_of("target-network"):
        ran = number(fact.data.get("records")) or 0
        if ran < OFTEN * records:
            continue
        name, like = fact.site or "another network", fact.data.get("like") or "the trained one"
        never = "" if fact.data.get("changed") else f", and no weight of {name} ever changed"
        yield (
            f"whether a lower loss is better: its targets may come from {name}, which has the "
            f"shape of {like}{never}"
        )
        return


def _of_acts(trace: Trace) -> Iterator[str]:
    steps = _end(trace)
    first = number(trace.meta.get("first")) or 0
    last_of: dict[str, int] = {}
    for (name, _), series in trace.table.items():
        if len(series):
            last_of[name] = max(last_of.get(name, 0), int(series.steps[-1]))
    lasts = [last_of[site.name] for site in trace.sites_of("act") if site.name in last_of]
    if steps is None or not lasts:
        if not lasts:
            yield "any activation function"
        return
    earliest = min(lasts)
    if steps - 1 - earliest > max(3, RECORD_END * (steps - first)):
        yield f"the activation functions after step {earliest} of {steps}"


def _of_weights(trace: Trace) -> Iterator[str]:
    still: list[str] = []
    for fact in trace.facts_of("parameter"):
        if not fact.data.get("trainable", True) or fact.data.get("before_norm"):
            continue
        moved = trace.series(fact.site, "update_ratio")
        if moved is None or not len(moved):
            continue  # an optimiser that is not torch's, or none: not recorded for any weight
        if not bool(np.any(np.nan_to_num(moved.values) > 0)):
            still.append(fact.site)
    if still:
        more = f" and {len(still) - NAMED} more" if len(still) > NAMED else ""
        yield f"that {', '.join(still[:NAMED])}{more} move"


def _end(trace: Trace) -> int | None:
    """How many steps there were, up to the end of this training."""
    steps = number(trace.meta.get("steps"))
    last = number(trace.meta.get("last"))
    if steps is None:
        return None
    return int(min(steps, last + 1) if last is not None else steps)
