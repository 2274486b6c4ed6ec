"""ACT609 gradient-over-time: the error fades, or grows, on its way back through a sequence.

## What it does
Reads how much of the gradient is left t steps back in a recurrent layer, unrolled by hand or
fused, in a run that does not learn. Says how many factors of ten are lost a step, and at which
step a thousandth is left.

    self.rnn = nn.RNN(16, 32)  # the answer stands at the first of 80 tokens

"in rnn a thousandth of the gradient is left 9 steps back, of 80. It loses a factor of ten every 3
steps, and the loss stalls". Instead, a cell that keeps its state, begun open:

    self.rnn = nn.LSTM(16, 32)
    self.rnn.bias_ih_l0.data[32:64] = 4.0  # the forget gate

## Why it hurts
Each step back multiplies the error by the recurrent weights and the act's slope. Where that is
below one, what happened early never hears of its error, and only the last steps are learned;
above one the first steps drown everything else, and the loss jumps.

## How it is measured
Unrolled: the norm of the gradient at what the recurrent weight gives, at up to 48 even steps of a
loop in which one weight is applied to its own output 8 times or more. Fused: the norm of the
gradient of the layer's input by time step; where the input needs none, up to 8 rows are run
through a copy of the layer once more after backward. Lost: more than 3 factors of ten between the
largest gradient and some earlier step (a thousandth, as in vanishing-gradient); grown: more than
3 from the last step to an earlier one. Named where that holds on two looks or more and on the
last one; on one look where that was the first step, the gradient grew, and no later one was finite:
the weights were then as they were drawn, and no rate had touched them. A warning in a run that
fares badly; where the loss falls, the task may need the last steps alone, and it is a note.

## Known false alarms
Tasks that need the last steps alone are told by their loss. A sequence with a loss at each step
has a gradient at each step, and is not named. Padding at the end of a sequence is read as steps:
where it is the output of the last one that is used, the error has to cross the padding, and fades
there. A loop whose state is detached now and then is seen only up to there.

## Fixes and their safety
All retrain. Lost: a forget-gate bias of 1 or more (LSTM), the update gate's for a GRU; orthogonal
recurrent weights, or the identity under a ReLU; an LSTM or a GRU for a plain cell; shorter
sequences. Grown: recurrent weights scaled to a norm of 1, and clipping as a seat belt. Truncation
(detaching the state) ends the growth and the memory both.

## References
Hochreiter, "Untersuchungen zu dynamischen neuronalen Netzen", 1991. Bengio, Simard and Frasconi,
"Learning long-term dependencies with gradient descent is difficult", 1994. Pascanu, Mikolov and
Bengio, "On the difficulty of training recurrent neural networks", ICML 2013, arXiv:1211.5063.
Gers, Schmidhuber and Cummins, "Learning to forget", 2000. Le, Jaitly and Hinton, 2015,
arXiv:1504.00941.
"""

from collections.abc import Iterator, Sequence

from relume.core import Evidence, Fact, Finding, Result, Severity, Site, Trace
from relume.rules.non_finite import broke_at_an_edge
from relume.rules.outcome import judge
from relume.rules.page import page
from relume.rules.series_tools import first_step, is_recorded, last_step, number

PAGE = page(__doc__)

DECADES = 3.0  # a thousandth, as in ACT601
LEAST = 2  # looks


def check(trace: Trace) -> Iterator[Result]:
    """One finding for each recurrent layer that loses, or multiplies, the gradient over time."""
    if not is_recorded(trace, "time"):
        yield PAGE.missing("recurrent layers were not looked for", "record again")
        return
    facts = trace.facts_of("time")
    found = [f for fact in facts if (f := _finding(trace, fact)) is not None]
    yield from found
    if not found:
        most = max((number(f.data.get("decades")) or 0.0 for f in facts), default=0.0)
        text = f"at most {most:.1f} factors of ten are lost over the steps of a recurrent layer"
        yield PAGE.clean(text if facts else "no recurrent layer of 8 steps", most / DECADES)


def _finding(trace: Trace, fact: Fact) -> Finding | None:
    data, now = fact.data, fact.data.get("now")
    looks = int(number(data.get(str(now))) or 0)
    if not now or (looks < LEAST and not _broke_at_once(trace, fact)):
        return None
    at, logs = list(data.get("at") or ()), list(data.get("log10") or ())
    length = int(number(data.get("length")) or 0)
    steps, lost = (
        (_steps_back(at, logs) if now == "lost" else _steps_grown(at, logs)),
        now == "lost",
    )
    if steps is None:
        return None
    decades = number(data.get("decades" if lost else "growth")) or 0.0
    text = (
        "{site} learns from the last {back} of its {length} time steps only: further back less "
        "than a thousandth of the gradient is left. It shrinks ten times every {pace:.1f} steps"
    )
    if not lost:
        text = (
            "in {site} the gradient is a thousand times as large {back} steps back, of {length}. "
        )
        text += "It grows ten times every {pace:.1f} steps"
    if judge(trace).fares_badly:
        text += ", and the loss does not learn what lies further back"
    file, line = str(data.get("file") or ""), int(number(data.get("line")) or 0)
    return PAGE.finding(
        Site(fact.site, "", layer=fact.site, file=file, line=line),
        Severity.WARNING,
        (_since(fact), last_step(trace)),
        text,
        Evidence(
            "gradient_decades_over_time",
            decades,
            DECADES,
            int(number(data.get("records")) or 0),
            {"way": str(now), "back": steps, "length": length, "pace": steps / DECADES},
            tuple((int(step), float(log)) for step, log in zip(at, logs, strict=True)),
        ),
        cure=_cure(str(data.get("layer") or ""), fact.site, lost=lost),
    )


def _broke_at_once(trace: Trace, fact: Fact) -> bool:
    """Whether the gradient grew on the first step, and all was lost before the next look."""
    first = fact.data.get("now") == "grown" and fact.data.get("grown_since") == first_step(trace)
    broken = "first_nonfinite" in judge(trace).numbers and not broke_at_an_edge(trace)
    return first and broken


def _since(fact: Fact) -> int:
    """The first look on which it held, as far as that is recorded."""
    grown = number(fact.data.get("grown_since")) if fact.data.get("now") == "grown" else None
    return fact.step if grown is None else int(grown)


def _steps_back(at: Sequence[int], logs: Sequence[float]) -> int | None:
    """How many steps before the largest gradient a thousandth of it is left."""
    top = logs.index(max(logs))
    gone = [place for place in range(top) if logs[place] <= logs[top] - DECADES]
    return at[top] - at[gone[-1]] if gone else None


def _steps_grown(at: Sequence[int], logs: Sequence[float]) -> int | None:
    """How many steps before the last one the gradient is a thousand times as large."""
    large = [place for place in range(len(logs)) if logs[place] >= logs[-1] + DECADES]
    return at[-1] - at[large[-1]] if large else None


def _cure(layer: str, site: str, *, lost: bool) -> str:
    if not lost:
        return f"scale the recurrent weights of {site} to a norm of 1, and clip the gradient"
    if layer.startswith("LSTM"):
        return f"begin with the forget gate of {site} open: a bias of 1 or more"
    if layer.startswith("GRU"):
        return f"begin with the update gate of {site} open: a bias of 1 or more"
    return f"begin with orthogonal recurrent weights in {site}, or use an LSTM there"


RULE = PAGE.rule(
    check,
    severities=("warning",),
    needs=("training",),
    explains=(
        *("ACT301", "ACT402", "ACT501", "ACT601", "ACT602", "ACT603", "ACT604", "ACT605"),
        *("ACT303", "ACT401", "ACT606"),
    ),
)
