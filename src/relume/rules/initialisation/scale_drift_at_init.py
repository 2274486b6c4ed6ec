"""ACT301 scale-drift-at-init: the initial weights shrink or blow up the signal over depth.

## What it does
Compares the RMS of the pre-activations of the last and the first layer at the first step, and the
RMS of their gradients, and names the initialisation that the acts need.

## Why it hurts
Every layer multiplies the signal by the scale of its weights times the gain of its act. If the
product is not near one, depth makes it vanish (all inputs look alike) or explode (acts saturate,
gradients overflow), before any training.

## How it is measured
Forward: abs log10(RMS z_last / RMS z_first) > 1, or RMS z > 30 anywhere, at the first record; with
a single act the head is the last. Backward: abs log10 of the gradients' ratio > 2, only if the
weights and not the slopes of the acts lose or add most of it; a deep sigmoid network whose forward
scale is steady is a vanishing gradient, not a drift. A gradient that is gone from one act to the
next (1e15 times less; reasoned) was not passed on: a penalty on the slope of a piecewise linear
network has none for its first layers. Backward asks for 100 times since three max pools alone take
almost 10 (reasoned, not measured). Of pre-activations that are mostly offset (the
mean is at least 0.9 of the RMS) the spread counts: that is a bias, not a scale. Warning; an error
from 1,000 times, where a thousandth of the first layer's signal is left (reasoned). Least
evidence: the first step. The 10 times and the 30 are from 80 healthy and 92 faulty runs.

## Known false alarms
Residual branches, zero-initialised gammas (an RMS of zero is left out), norm layers (their scale
is one again). Trained weights: a run that begins below 0.8 of chance is not judged. A signal that
shrinks under weights of He's scale because units are dead from the start: where the weights
themselves lose less than 10 times, that is born-dead's. A divergence that enters between two acts
(the latents of a VAE): what the gradient gains there is that term's, and it is not judged.

## Fixes and their safety
Re-initialise with the act's gain (retrain): `relume.gain` knows it. A norm layer (retrain; it
improves healthy networks too, so it proves nothing). Measured on digits: weights of standard
deviation 0.001 with ReLU 0.085, with He initialisation 0.955.

## References
Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
AISTATS 2010. He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015, arXiv:1502.01852.
Hanin and Rolnick, "How to start training", NeurIPS 2018, arXiv:1803.01719.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from relume.core import Evidence, Finding, Result, Severity, Site, Trace, Value
from relume.rules.gradient_profile import TINY, chains, gradient_profile
from relume.rules.init_advice import init_for
from relume.rules.outcome import KNOWN, judge
from relume.rules.page import page
from relume.rules.plain_numbers import times
from relume.rules.series_tools import acts_of, first_step, last_step, layers, number, value_at_start

PAGE = page(__doc__)

DRIFT = 1.0  # decades forward (see the page)
GRAVE = 3.0  # decades: the first layer's thousandth part
LARGE = 30.0  # RMS of z: a sigmoid of that is flat to 13 digits (see the page)
OFFSET = 0.9  # of the RMS: then over 80 % of the energy is one constant, a bias
BACKWARD = 2.0  # decades (reasoned): three 2 x 2 max pools alone take almost one
CUT = (
    15.0  # decades from act to act (reasoned): no weights shrink so, the gradient was not passed on
)

Chain = list[tuple[Site, float]]


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding: forward drift, else a large signal, else backward drift."""
    chain = _chain(trace)
    if not chain:
        yield PAGE.missing("the first step was not recorded at two acts, or at one and a head")
        return
    numbers = judge(trace).numbers
    start, chance = number(numbers.get("start")), number(numbers.get("chance"))
    if start is not None and chance is not None and start < KNOWN * chance:
        yield PAGE.clean(f"trained weights: the loss began at {start:.3g} of {chance:.3g}")
        return
    finding = _forward(trace, chain) or _large(trace, chain) or _backward(trace)
    drift = _decades(chain)
    own = _by_weights(trace, chain) if finding is not None and drift < -DRIFT else None
    if own is not None and abs(own) <= DRIFT:
        by = f"pre-activations shrink {times(10**-drift)}, {times(10**-own)} by the weights"
        yield PAGE.clean(f"{by}: the rest is lost in dead units")
        return
    rms = max(value for _, value in chain)
    verb = "grow" if drift > 0 else "shrink"
    clean = f"pre-activations {verb} {times(10 ** abs(drift))} over {layers(len(chain))}"
    clean += f", their RMS is at most {rms:.3g}"
    yield finding or PAGE.clean(clean)


def _chain(trace: Trace) -> Chain:
    """RMS at the first step along a path, by the one stat that enough acts have.

    Of several paths (two towers) it is the one that drifts most.
    """
    along: list[Chain] = []
    for path in chains(trace, (*acts_of(trace), *trace.sites_of("head"))):
        acts = [site for site in path if site.kind == "act"]
        heads = [site for site in path if site.kind == "head"]
        along.append(_along(trace, acts, heads if len(acts) <= 1 else []))
    none: Chain = []
    return max((chain for chain in along if chain), key=_size, default=none)


def _size(chain: Chain) -> float:
    return abs(_decades(chain))


def _along(trace: Trace, acts: list[Site], heads: list[Site]) -> Chain:
    by_stat: list[Chain] = []
    for stat in ("pre_rms", "post_rms"):
        scales = [(site, _scale(trace, site, stat)) for site in acts]
        scales += [(site, value_at_start(trace, site.name, "pre_rms")) for site in heads]
        # a zero comes from a zero-initialised branch, which is meant to be silent
        by_stat.append([(site, value) for site, value in scales if value])
    before, after = by_stat
    best = before if 5 * len(before) >= 4 * len(after) else after
    return best if len(best) >= 2 else []


def _scale(trace: Trace, site: Site, stat: str) -> float | None:
    """The RMS at the first step; without the mean where that is nearly all of it."""
    rms, mean = value_at_start(trace, site.name, stat), value_at_start(trace, site.name, "pre_mean")
    if stat != "pre_rms" or rms is None or mean is None or abs(mean) < OFFSET * rms:
        return rms
    return math.sqrt(max(rms**2 - mean**2, 0.0))


def _decades(chain: Chain) -> float:
    return math.log10(chain[-1][1] / chain[0][1])


def _forward(trace: Trace, chain: Chain) -> Finding | None:
    drift = _decades(chain)
    if abs(drift) <= DRIFT:
        return None
    first, last = chain[0], chain[-1]
    away = [abs(math.log10(value / first[1])) for _, value in chain]
    at = next(i for i, decades in enumerate(away) if decades > DRIFT)
    text = (
        "from {first} to {last} the pre-activations {verb} {so_much} at the first step, from an "
        "RMS of {first_rms:.2g} to {last_rms:.2g}. They pass the limit at {place}"
    )
    more: dict[str, Value] = {
        "first": first[0].name,
        "last": last[0].name,
        "first_rms": first[1],
        "last_rms": last[1],
        "per_layer": drift / (len(chain) - 1),
        "so_much": times(10 ** abs(drift)),
        "verb": "grow" if drift > 0 else "shrink",
        "direction": "forward",
    }
    return _finding(
        trace,
        chain[at][0],
        _weight(drift),
        text,
        Evidence("rms_log10_ratio", drift, DRIFT, more=more),
    )


def _by_weights(trace: Trace, chain: Chain) -> float | None:
    """The decades by which weights of ReLUs miss He's scale, which is one over a ReLU's loss.

    None where the acts are others, or their outputs were not measured.
    """
    total = 0.0
    for (site, _), (after, _) in pairwise(chain):
        out = value_at_start(trace, site.name, "post_rms")
        into = value_at_start(trace, after.name, "pre_rms")
        if site.act != "relu" or not out or not into:
            return None
        total += math.log10(into / out / math.sqrt(2))
    return total


def _large(trace: Trace, chain: Chain) -> Finding | None:
    site, rms = max(chain, key=lambda item: item[1])
    if rms <= LARGE:
        return None
    inputs = [value_at_start(trace, s.name, "rms") for s in trace.sites_of("input")]
    scale = max((value for value in inputs if value is not None), default=None)
    text = "the pre-activations of {place} have an RMS of {value:.3g} at the first step"
    if scale is not None:
        text += ", on inputs of RMS {input_rms:.3g}"
    more: dict[str, Value] = {"input_rms": scale, "direction": "forward"}
    return _finding(trace, site, Severity.WARNING, text, Evidence("rms", rms, LARGE, more=more))


def _backward(trace: Trace) -> Finding | None:
    back = gradient_profile(trace, 0.0, 0.0)
    if back is None or abs(back.change) <= BACKWARD or back.steepest > CUT:
        return None
    if _term_enters(trace, back.sites[0], back.sites[-1]):
        return None
    # the weights must move it the same way, and by more than the slopes of the acts do
    if back.by_weights * back.change <= 0 or abs(back.by_weights) <= abs(back.by_acts):
        return None
    text = (
        "back from {last} to {first} the gradient {verb} {so_much} at the first step. The weights "
        "change it {weights_do}, the slopes of {act} {slopes_do}"
    )
    underflows = bool(back.level.min() <= math.log10(TINY))
    more: dict[str, Value] = {
        "first": back.sites[0].name,
        "last": back.sites[-1].name,
        "by_weights": back.by_weights,
        "by_acts": back.by_acts,
        "verb": "grows" if back.change > 0 else "shrinks",
        "so_much": f"{'at least ' * underflows}{times(10 ** abs(back.change))}",
        "weights_do": times(10 ** abs(back.by_weights)),
        "slopes_do": times(10 ** abs(back.by_acts)),
        "direction": "backward",
    }
    evidence = Evidence("grad_rms_log10_ratio", back.change, BACKWARD, more=more)
    return _finding(trace, back.sites[0], Severity.WARNING, text, evidence)


def _term_enters(trace: Trace, first: Site, last: Site) -> bool:
    """Whether a divergence enters the gradient between two acts: at the latents of a VAE.

    What the gradient gains there is that term's, and not the weights'.
    """
    for fact in trace.facts_of("latents"):
        if fact.data.get("what") == "gaussian":
            own = (s for s in trace.sites if fact.site in (s.layer, s.name.rpartition(".")[0]))
            if any(first.order <= site.order <= last.order for site in own):
                return True
    return False


def _weight(drift: float) -> Severity:
    return Severity.ERROR if abs(drift) > GRAVE else Severity.WARNING


def _finding(
    trace: Trace, site: Site, severity: Severity, text: str, evidence: Evidence
) -> Finding:
    inputs = number(evidence.more.get("input_rms"))
    by_input = inputs is not None and inputs > LARGE
    init = f"re-initialise the weights with {init_for(site)}"
    return PAGE.finding(
        site,
        severity,
        (first_step(trace), last_step(trace)),
        text,
        replace(evidence, samples=1, more={"act": site.act, **evidence.more}),
        cure="standardise the inputs" if by_input else init,
    )


EXPLAINS = (
    "ACT102",
    "ACT303",
    "ACT401",
    "ACT402",
    "ACT403",
    "ACT501",
    "ACT502",
    "ACT601",
    "ACT602",
)
LATER = ("ACT405", "ACT603", "ACT604", "ACT605", "ACT606", "ACT607", "ACT801")
RULE = PAGE.rule(
    check,
    severities=("warning", "error"),
    needs=("untrained",),
    from_start=True,
    explains=(*EXPLAINS, *LATER),
)
