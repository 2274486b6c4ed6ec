"""ACT101 missing-nonlinearity: two affine layers with nothing between that could bend the line.

## What it does
Finds two affine layers (linear, convolution) in the recorded graph with only affine operations
between them, and confirms it by replaying the pair: if f(a + b) - f(0) equals the sum of the
parts, the pair is one affine map.

## Why it hurts
A product of matrices is a matrix: however many such layers are stacked, the network can express no
more than one of them, at the price of all.

## How it is measured
Relative additivity error of the pair on sampled rows, norm(f(a+b) - f(a) - f(b) + f(0)) over
norm(f(a+b)). Threshold 1e-4: float32 rounding gave 3e-7 through two layers of 64 features, and an
act that bends by less bends nothing. A pair that could not be replayed is reported from the graph
alone, as a note. Least evidence: one forward.

## Known false alarms
Pairs that are meant to be a product are exempt, and are listed with the reason: a low-rank middle
(LoRA, bottlenecks), depthwise followed by pointwise convolution, value and output projection of
attention, tied weights, a linear probe on a frozen network, and a pair of which each layer belongs
to another model with an optimiser of its own (the maker and the judge of a GAN: what passes between
them is data).

## Fixes and their safety
Insert an act with the initialisation that fits it (retrain: it changes the function). Or merge
the two layers into one (exact: the same function, cheaper).

## References
Cybenko, "Approximation by superpositions of a sigmoidal function", Math. Control Signals Systems
2, 1989. Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in
deep linear neural networks", 2013, arXiv:1312.6120.
"""

from collections.abc import Iterator
from dataclasses import replace

from relume.core import Evidence, Fact, Result, Severity, Site, Trace
from relume.rules.page import page
from relume.rules.series_tools import last_step, number

PAGE = page(__doc__)

LIMIT = 1e-4  # relative: float32 rounding gave 3e-7 on layers of 64 features


def check(trace: Trace) -> Iterator[Result]:
    """One finding per pair that is one affine map and has no reason to be two."""
    pairs = trace.facts_of("affine-pair")
    if not pairs and not trace.sites:
        yield PAGE.missing("no forward was recorded")
        return
    reasons = [str(pair.data.get("exempt") or "") or _opponents(trace, pair) for pair in pairs]
    bare = [pair for pair, why in zip(pairs, reasons, strict=True) if not why and _affine(pair)]
    for pair in bare:
        yield _finding(trace, pair)
    if not bare:
        exempt = [why for why in reasons if why]
        why = f" ({len(exempt)} exempt: {', '.join(dict.fromkeys(exempt))})" if exempt else ""
        yield PAGE.clean(f"{len(pairs)} affine pairs without an act between{why}")


def _opponents(trace: Trace, pair: Fact) -> str:
    """Why the pair is exempt where its layers belong to two models that are trained in turn."""
    owners = {str(f.data.get("model") or "") for f in trace.facts_of("turn")} - {""}
    ends = (str(pair.data.get(name, "")) for name in ("first", "second"))
    mine = [{o for o in owners if end == o or end.startswith(f"{o}.")} for end in ends]
    return "two models trained in turn" if all(mine) and not mine[0] & mine[1] else ""


def _affine(pair: Fact) -> bool:
    """Whether the pair is affine by its replay, or could not be replayed."""
    error = number(pair.data.get("additivity_error"))
    return error is None or error < LIMIT


def _finding(trace: Trace, pair: Fact) -> Result:
    data = pair.data
    first, second = str(data.get("first", "")), str(data.get("second", ""))
    error = number(data.get("additivity_error"))
    operations = list(data.get("between") or ())
    between = "only " + ", ".join(map(str, operations)) if operations else "nothing"
    shape = " -> ".join(map(str, data.get("shape") or ()))
    text = "the layers {first} and {second} ({shape}) have {between} between them"
    if error is None:
        text += ", as the graph shows; the pair could not be replayed"
    else:
        text += ": together they are one affine map (additivity error {value:.1e})"
    place = Site(pair.site or first, "", file=str(data.get("file", "")), line=data.get("line") or 0)
    finding = PAGE.finding(
        place,
        Severity.NOTE if error is None else Severity.WARNING,
        (pair.step, last_step(trace)),
        text,
        Evidence(
            "additivity_error",
            float("nan") if error is None else error,
            LIMIT,
            samples=1,
            more={"first": first, "second": second, "shape": shape, "between": between},
        ),
        cure=f"insert an act such as relu between {first} and {second}, with its initialisation",
    )
    return replace(finding, layer=first)


# what an affine map can reach is soon reached, and then the updates are small
RULE = PAGE.rule(check, severities=("note", "warning"), symptom=False, explains=("ACT606",))
