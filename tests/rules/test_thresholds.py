"""Every threshold of every rule: just below it, at it and just above it.

A row names a constant of a rule and builds a trace whose measured value is the one given. What is
told there (nothing, or the severity before the outcome is weighed in) must change at the
constant's own value and nowhere beside it: the three values are made from the constant, so a
threshold that moves takes its row along, and one that is compared the wrong way round fails. A
constant without a row must be listed with what it is instead.
"""

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

import faults
import numpy as np
import pytest
import signal_traces as signal
import test_rule_contract as contract
import wiring_traces as wiring
from traces import CHANCE, Build, dead, flat, healthy, sigmoids

from relume.core import Finding, Rule, Severity, Trace
from relume.registry import discover, members

NONE, NOTE, WARNING, ERROR = None, Severity.NOTE, Severity.WARNING, Severity.ERROR
FACT = Severity.FACT
ROUNDED = "rounded"  # at the constant itself the maker's own rounding decides
Said = Severity | None
RULES = {rule.code: rule for rule in discover("relume.rules", Rule)}
FILES = {name.rpartition(".")[2]: name for name in members("relume.rules")}


@dataclass(frozen=True)
class Edge:
    """`make(value)` builds the trace. `below`, `at`, `above`: what is said there.

    `by`: how far beside the constant the two others are; relative, or with `absolute` as it is.
    """

    code: str
    make: Callable[[float], Trace]
    below: Said
    at: Said | str
    above: Said
    by: float = 0.01
    absolute: bool = False

    def values(self, constant: float) -> tuple[float, float, float]:
        step = self.by if self.absolute else abs(constant) * self.by
        return constant - step, constant, constant + step


def module(stem: str) -> ModuleType:
    """The file of a rule, or one that rules share, by its name alone."""
    return import_module(FILES.get(stem, f"relume.rules.{stem}"))


def told(code: str, trace: Trace) -> Said:
    """The gravest that the rule says, before the outcome is weighed in."""
    found = [r for r in RULES[code].check(trace) if isinstance(r, Finding)]
    return max((f.severity for f in found), default=None)


# --- makers that no other test needs ------------------------------------------------------------


def one_sided(share: float) -> Trace:
    return faults.fields(healthy(flat()), "act2", active=np.full(100, share)).trace()


def passing(share: float) -> Trace:
    return faults.fields(healthy(flat()), "act2", active=faults.split(share, 1.0, 0.0)).trace()


def steep(slope: float) -> Trace:
    build = healthy(flat(), act="gelu", low=0.5)
    faults.fields(build, "act2", post_sum=0.0, post_sumsq=faults.split(0.3, 1e-12, 0.5))
    build.units["act2"] = tuple(
        replace(w, fields={**w.fields, "slope_max": np.full(100, slope)})
        for w in build.units["act2"]
    )
    return build.trace()


def varies(times: float) -> Trace:
    """Units of that share of the median spread (1, of the others and of the input)."""
    build = healthy(flat(), act="gelu", low=1.0)
    faults.fields(build, "act2", post_sum=0.0, post_sumsq=faults.split(0.3, times**2, 1.0))
    return faults.fields(build, "act2", pre_sum=0.0, pre_sumsq=1.0).trace()


def flat_units(share: float) -> Trace:
    """A share of units of which all samples are flat, others of which none is."""
    build = healthy(flat(), act="tanh", low=0.0)
    flags = faults.split(share, 1.0, 0.0)
    return faults.fields(build, "act2", low=flags, high=np.zeros(100)).trace()


def flat_samples(share: float) -> Trace:
    """A third of the units with that share of samples flat."""
    build = healthy(flat(), act="tanh", low=0.0)
    flags = faults.split(0.33, share, 0.0)
    return faults.fields(build, "act2", low=flags, high=np.zeros(100)).trace()


def loud(rms: float) -> Trace:
    return healthy(flat(), pre_rms=rms).trace()


def far(times: float) -> Trace:
    build = faults.regression(target_min=-1.0, target_max=1.0 * times)
    return build.series("head", "pre_absmax", 1.0).trace()


def below_zero(excess: float) -> Trace:
    return faults.regression("sigmoid", target_min=-excess, target_max=1.0).trace()


def axes(ratio: float) -> Trace:
    return healthy(flat()).series("fc1", "eigen_ratio", ratio).trace()


def wild(ratio: float, share: float = 0.05) -> Trace:
    """A rate over the limit on a share of the records, late enough to be no start."""
    build = healthy(flat())
    some = np.full(100, 1e-3)
    some[40 : 40 + round(share * 100)] = ratio
    for name in ("fc1", "fc2", "fc3", "head"):
        build.series(f"{name}.weight", "update_ratio", some)
    return build.trace()


def often(share: float) -> Trace:
    return wild(0.2, share)


def turned(cosine: float) -> Trace:
    n = np.arange(400)
    loss = 1.5 * CHANCE + np.sin(n / 9) + np.random.default_rng(0).normal(0, 0.01, 400)
    build = healthy(loss)
    for name in ("fc1", "fc2", "fc3", "head"):
        build.series(f"{name}.weight", "update_cosine", cosine)
    return build.trace()


def balanced(ratio: float) -> Trace:
    return faults.decayed(ratio, kind="AdamW")


def shrunk(left: float) -> Trace:
    return faults.decayed(5.0, left=left)


def gone(left: float) -> Trace:
    return faults.decayed(0.0, left=left)


def lost(ratio: float) -> Trace:
    """A run that learned and lost it, with that update all the time."""
    loss = np.r_[np.linspace(CHANCE, 0.2, 150), np.linspace(0.2, CHANCE, 50), np.full(200, CHANCE)]
    build = healthy(loss + np.random.default_rng(0).normal(0, 0.01, 400))
    for name in ("fc1", "fc2", "fc3", "head"):
        build.series(f"{name}.weight", "update_ratio", ratio)
    return build.trace()


def resting(times: float) -> Trace:
    """A layer at rest, in a run whose other layers move that many times as much as one at rest."""
    build = healthy(flat())
    for name in ("fc1", "fc3", "head"):
        build.series(f"{name}.weight", "update_ratio", times * 1e-6)
    return build.series("fc2.weight", "update_ratio", 0.0).trace()


def stuck(share: float) -> Trace:
    return faults.gate(1.0, share)


def growing(score: float) -> Trace:
    """Gradients that end so many robust deviations (a tenth of a decade at least) above."""
    build = healthy(flat())
    decades = np.r_[np.zeros(75), np.full(12, score / 20), np.full(13, score / 10)]
    for name in ("fc1", "fc2", "fc3", "head"):
        build.series(f"{name}.weight", "grad_norm", 10**decades)
    return build.trace()


def spiked(steps: float) -> Trace:
    """A loss beyond its limit from step 100 to so many steps later."""
    loss = np.full(400, 3.0)
    loss[100 : 101 + round(steps)] = 90.0
    return healthy(loss).trace()


def carried(decades: float) -> Trace:
    """A first layer with hardly a gradient, behind acts that lose so many decades of it."""
    build = sigmoids(flat())
    build.series("fc1.weight", "grad_norm", 1e-6)
    for at in range(1, 9):
        lost = 10 ** (-decades * (8 - at) / 7)
        build.series(f"act{at}", "grad_pre_rms", lost).series(f"act{at}", "grad_post_rms", lost)
    return build.trace()


def backward(decades: float) -> Trace:
    """The same at the first step, all of it by the weights."""
    build = healthy(flat(), depth=3)
    for at in range(1, 4):
        lost = 10 ** (-decades * (3 - at) / 2)
        build.series(f"act{at}", "grad_pre_rms", lost).series(f"act{at}", "grad_post_rms", lost)
    return build.trace()


def offset(share: float) -> Trace:
    """An RMS of 40 in each layer, of which the mean is that share."""
    return healthy(flat(), pre_rms=40.0, pre_mean=40.0 * share).trace()


def blocked(share: float) -> Trace:
    build = sigmoids(flat())
    build.series("fc1.weight", "grad_norm", 1e-6)
    return build.series("act3", "silent_unit_share", share).trace()


def warming(times: float) -> Trace:
    """A rate that rises by that much from the third quarter to the last."""
    build = faults._rates(Build().loss(flat()).act("act1"), 1e-7)
    rates = build.table["", "learning_rate"]
    values = np.where(np.arange(400) < 300, 1.0, times)
    build.table["", "learning_rate"] = replace(rates, values=values)
    return build.trace()


def at_first(record: float) -> Trace:
    """One step over the limit, at that record, in a run that fails."""
    build = healthy(flat())
    some = np.full(100, 1e-3)
    some[round(record)] = 0.2
    for name in ("fc1", "fc2", "fc3", "head"):
        build.series(f"{name}.weight", "update_ratio", some)
    return build.trace()


def half(share: float) -> Trace:
    """Of four weights that share has lost nearly all of its norm."""
    build = healthy(flat())
    for name in ("fc1", "fc2", "fc3", "head")[: round(share * 4)]:
        build.series(f"{name}.weight", "weight_norm", np.linspace(1.0, 0.0, 100) ** 4 + 1e-2)
    return build.trace()


def best(share: float) -> Trace:
    """A run that reached that share of its start, and lost it, with large updates all the time."""
    low = share * CHANCE
    way = (np.full(20, CHANCE), np.linspace(CHANCE, low, 140), np.full(40, low))
    loss = np.r_[(*way, np.linspace(low, CHANCE, 40), np.full(160, CHANCE))]
    build = healthy(loss + np.random.default_rng(0).normal(0, 1e-3, 400))
    for name in ("fc1", "fc2", "fc3", "head"):
        build.series(f"{name}.weight", "update_ratio", 0.05)
    return build.trace()


def by_rate(share: float) -> Trace:
    """Steps of a millionth under Adam, that share of what its rate alone gives."""
    build = faults._rates(Build().loss(flat()).act("act1"), 1e-6)
    rates = build.table["", "learning_rate"]
    alone = 1e-6 / (share * 64)  # 64 x 64 weights of norm 1
    build.table["", "learning_rate"] = replace(rates, values=np.full(len(rates), alone))
    trace = build.trace()
    return replace(trace, meta={**trace.meta, "optimizer": "Adam"})


def clipped(share: float, bottom: float = 0.0) -> Trace:
    """Acts with six entries of ten flat below, that share of them with no slope at all."""
    build = healthy(flat(), act="hardtanh", low=0.6)
    for at in (1, 2, 3):
        faults.fields(build, f"act{at}", active=np.full(100, 1 - 0.6 * share), high=np.zeros(100))
        build.units[f"act{at}"] = tuple(
            replace(w, fields={**w.fields, "post_min": np.full(100, bottom)})
            for w in build.units[f"act{at}"]
        )
    return build.trace()


def bottom(value: float) -> Trace:
    return clipped(1.0, value)


def least_row(value: float) -> Trace:
    trace = contract.softmax(0.0)
    facts = tuple(
        replace(f, data={**f.data, "rows_min": value}) if f.kind == "head" else f
        for f in trace.facts
    )
    return replace(trace, facts=facts)


def small(freedom: float) -> Trace:
    """Two rows that are alike, of so many features and one more."""
    trace = faults.alike(1.0)
    shape = [2, round(freedom) + 1]
    facts = tuple(
        replace(f, data={**f.data, "shape": shape}) if f.site == "fc2.weight" else f
        for f in trace.facts
    )
    return replace(trace, facts=facts)


def in_turn(passes: float) -> Trace:
    """Data in order, with that many backward passes a step."""
    trace = contract.ordered(1.0)
    return replace(trace, meta={**trace.meta, "backwards": passes * trace.meta["steps"]})


def with_data(trace: Trace, kind: str, site: str, **data: float | str) -> Trace:
    """The trace with that data of one fact changed."""
    facts = tuple(
        replace(f, data={**f.data, **data}) if (f.kind, f.site) == (kind, site) else f
        for f in trace.facts
    )
    return replace(trace, facts=facts)


def divided(ratio: float) -> Trace:
    """An optimiser whose eps is so many times its gradient."""
    return with_data(wiring.lost(0.0).trace(), "update", "fc1.weight", eps_ratio=ratio)


def spread_out(entropy: float) -> Trace:
    """A head with a large score and that entropy."""
    return faults.attention(70.0, entropy=entropy)


def grown(times: float) -> Trace:
    """A head whose score of 60 is so many times its first one."""
    return faults.attention(60.0, begin=60.0 / times)


def heads(share: float) -> Trace:
    """That share of a hundred heads is saturated."""
    trace = faults.attention(150.0, heads=100)
    (name,) = (site.name for site in trace.sites_of("attention"))
    bad = np.arange(100) < round(100 * share)
    windows = tuple(
        replace(
            w,
            fields={
                **w.fields,
                "entropy_sum": np.where(bad, 0.1, 0.9) * w.samples,
                "logit_absmax": np.where(bad, 150.0 if at else 2.0, 3.0),
            },
        )
        for at, w in enumerate(trace.windows(name))
    )
    return replace(trace, units={**trace.units, name: windows})


def busiest(share: float) -> Trace:
    """A router that sends that share of the rows to one of eight experts."""
    return faults.experts(0, most=share)


def even_load(share: float) -> Trace:
    """A router whose busiest expert gets nine of ten rows, and each that share at an even load."""
    return faults.experts(0, most=0.9, picks=8 * share)


def of_range(share: float) -> Trace:
    """An act in float16 whose outputs reach that share of its range."""
    return faults.large(share * 65504.0)


def compared(steps: float) -> Trace:
    """Lost updates, on so many steps."""
    return with_data(wiring.lost(0.99).trace(), "update", "fc1.weight", steps=int(steps))


def entries(tried: float) -> Trace:
    """Lost updates, all of so many entries."""
    return with_data(
        wiring.lost(0.99).trace(), "update", "fc1.weight", tried=int(tried), lost=int(tried)
    )


def unheard(share: float) -> Trace:
    """Rows without a gradient, in a run that learns: a note, but where none is left."""
    build = healthy()
    return build.fact("signal", "rows", batches=3, rows=96, share=share, zeroed=None).trace()


def looked_at(batches: float) -> Trace:
    """A loss that is blind to half of the rows, on so many batches."""
    return with_data(wiring.silent(0.5).trace(), "signal", "rows", batches=int(batches))


def unlabelled(share: float) -> Trace:
    """That share of the batches holds ignored labels alone."""
    build = wiring.wired()
    return build.fact("signal", "targets", batches=1000, empty=round(share * 1000)).trace()


def shown_cut(times: float) -> Trace:
    """A term whose source line shows the cut, on so many records."""
    return with_data(wiring.cut_term(times).trace(), "signal", "term 0", operand="recon.item()")


def stalled_for(steps: float) -> Trace:
    """A run of which that is the last step, near guessing behind a frozen weight as drawn."""
    build = healthy(flat(int(steps) + 1))
    build.meta = {"looks_for": ["wiring"]}
    return build.fact("frozen", "encoder.0.weight", fresh=True, entries=4096).trace()


EDGES: dict[tuple[str, str], Edge] = {
    ("missing_nonlinearity", "LIMIT"): Edge("ACT101", contract.pair, WARNING, NONE, NONE),
    ("acting_linear", "UNITS"): Edge("ACT102", faults.straight, NONE, WARNING, WARNING),
    ("acting_linear", "SIDE"): Edge("ACT102", one_sided, NONE, WARNING, WARNING, 1e-3),
    ("acting_linear", "PASSING"): Edge("ACT102", passing, NONE, WARNING, WARNING, 0.02),
    ("acting_linear", "STRAIGHT"): Edge("ACT102", faults.bent, WARNING, NONE, NONE),
    ("dropout_leaves_little", "LITTLE"): Edge("ACT106", contract.dropped, WARNING, WARNING, NONE),
    ("dropout_leaves_little", "HARDLY"): Edge("ACT106", contract.dropped, ERROR, ERROR, WARNING),
    ("other_act_than_named", "SAME"): Edge("ACT107", contract.other_act, NONE, NONE, NOTE),
    ("other_act_than_named", "VISIBLE"): Edge("ACT107", contract.other_act, NOTE, NOTE, WARNING),
    ("ordered_data", "SHARE"): Edge("ACT703", contract.ordered, NONE, WARNING, WARNING),
    ("ordered_data", "GRAVE"): Edge("ACT703", contract.ordered, WARNING, ERROR, ERROR),
    ("ordered_data", "PASSES"): Edge("ACT703", in_turn, ERROR, NONE, NONE),
    ("softmax_before_cross_entropy", "SUM_ERROR"): Edge(
        "ACT201", contract.softmax, ERROR, ERROR, NONE
    ),
    ("sigmoid_before_bce_with_logits", "LEAST"): Edge(
        "ACT202", contract.sigmoid, NONE, ERROR, ERROR
    ),
    ("one_sided_head", "LEAST_COST"): Edge(
        "ACT203", lambda v: signal.composed(v).trace(), NONE, ROUNDED, WARNING
    ),
    ("bounded_logits", "SHARE"): Edge(
        "ACT207", lambda v: signal.floored(v).trace(), NONE, ROUNDED, WARNING
    ),
    ("bounded_logits", "GRAVE"): Edge(
        "ACT207", lambda v: signal.floored(v).trace(), WARNING, ROUNDED, ERROR
    ),
    ("periodic_phase", "LIMIT"): Edge(
        "ACT304", lambda v: signal.phases(v).trace(), NONE, ROUNDED, NOTE
    ),
    ("collapsed_representation", "GRADUAL"): Edge(
        "ACT405", lambda v: signal.collapsed(9, before=v).trace(), NOTE, ERROR, ERROR
    ),
    ("collapsed_representation", "ALIKE_PAIRS"): Edge(
        "ACT405", lambda v: signal.embedded(v).trace(), WARNING, NONE, NONE
    ),
    ("gradients_not_cleared", "SHARE"): Edge(
        "ACT901", lambda v: wiring.seldom_cleared(v).trace(), NONE, WARNING, WARNING
    ),
    ("parameters_remade", "SHARE"): Edge(
        "ACT905", lambda v: wiring.remade_at(v).trace(), NONE, WARNING, WARNING
    ),
    ("inactive_latents", "FEW_CODES"): Edge(
        "ACT407", lambda v: signal.few_codes(v).trace(), WARNING, NOTE, NOTE
    ),
    ("inactive_latents", "SILENT"): Edge(
        "ACT407", lambda v: signal.silent(v).trace(), NOTE, ROUNDED, WARNING
    ),
    ("inactive_latents", "SOME_SILENT"): Edge(
        "ACT407", lambda v: signal.silent(v).trace(), NONE, ROUNDED, NOTE
    ),
    ("one_sided_head", "LOG_SUM"): Edge("ACT203", faults.unnormalised, NONE, NONE, ERROR),
    ("target_outside_range", "EXCESS"): Edge("ACT204", below_zero, NONE, NONE, WARNING),
    ("target_outside_range", "GRAVE"): Edge("ACT204", faults.beyond, WARNING, ERROR, ERROR),
    ("target_outside_range", "FAR"): Edge("ACT204", far, NONE, NONE, WARNING),
    ("wrong_loss_for_task", "FEWEST"): Edge(
        "ACT206", faults.kinds, NONE, WARNING, WARNING, 1, True
    ),
    ("wrong_loss_for_task", "MOST"): Edge("ACT206", faults.kinds, WARNING, WARNING, NONE, 1, True),
    ("scale_drift_at_init", "DRIFT"): Edge("ACT301", contract.drift, NONE, NONE, WARNING),
    ("scale_drift_at_init", "GRAVE"): Edge("ACT301", contract.drift, WARNING, WARNING, ERROR),
    ("scale_drift_at_init", "LARGE"): Edge("ACT301", loud, NONE, NONE, WARNING),
    ("symmetric_init", "ALIKE"): Edge("ACT302", faults.alike, NONE, NONE, ERROR, 1e-4),
    ("dead_layers", "NOTE"): Edge("ACT401", contract.died, NONE, NOTE, NOTE, 0.1),
    ("dead_layers", "WARNING"): Edge("ACT401", contract.died, NOTE, WARNING, WARNING, 0.04),
    ("dead_layers", "ERROR"): Edge("ACT401", contract.died, WARNING, ERROR, ERROR, 0.02),
    ("dormant_units", "SLOPE"): Edge("ACT402", steep, WARNING, NONE, NONE),
    ("dormant_units", "VARIES"): Edge("ACT402", varies, WARNING, WARNING, NONE),
    ("sparse", "RARE"): Edge("ACT404", faults.rare, FACT, NONE, NONE),
    ("saturated_units", "UNIT"): Edge("ACT501", flat_samples, NONE, WARNING, WARNING),
    ("saturated_units", "ENTRIES"): Edge("ACT501", contract.saturated, NONE, WARNING, WARNING),
    ("saturated_units", "ENTRIES_ERROR"): Edge("ACT501", contract.saturated, WARNING, ERROR, ERROR),
    ("saturated_units", "UNITS"): Edge("ACT501", flat_units, NONE, WARNING, WARNING, 0.04),
    ("saturated_units", "UNITS_ERROR"): Edge("ACT501", flat_units, WARNING, ERROR, ERROR, 0.0134),
    ("saturated_attention", "ENTROPY"): Edge("ACT503", spread_out, NOTE, ROUNDED, NONE),
    ("saturated_attention", "SCORE"): Edge("ACT503", faults.attention, NONE, NONE, NOTE),
    ("saturated_attention", "SCORE_WARNING"): Edge("ACT503", faults.attention, NOTE, NOTE, WARNING),
    ("saturated_attention", "MANY"): Edge("ACT503", heads, WARNING, ERROR, ERROR, 0.02),
    ("saturated_attention", "GROWN"): Edge("ACT503", grown, NONE, ROUNDED, NOTE),
    ("dead_experts", "TOP"): Edge("ACT406", busiest, NONE, ROUNDED, WARNING),
    ("dead_experts", "EVEN"): Edge("ACT406", even_load, WARNING, WARNING, NONE),
    ("near_overflow", "NEAR"): Edge("ACT804", of_range, NONE, NOTE, NOTE),
    ("near_overflow", "NEXT"): Edge("ACT804", of_range, NOTE, WARNING, WARNING),
    ("stuck_gate", "STUCK"): Edge("ACT502", stuck, NONE, ERROR, ERROR),
    ("stuck_gate", "UNITS"): Edge("ACT502", faults.gate, NONE, WARNING, WARNING, 0.04),
    ("stuck_gate", "UNITS_ERROR"): Edge("ACT502", faults.gate, WARNING, ERROR, ERROR, 0.0134),
    ("vanishing_gradient", "RATIO"): Edge("ACT601", contract.vanishing, WARNING, NONE, NONE),
    ("vanishing_gradient", "GRAVE"): Edge("ACT601", contract.vanishing, ERROR, WARNING, WARNING),
    ("outcome", "DIVERGED"): Edge("ACT602", contract.exploding, NONE, NONE, ERROR),
    ("exploding_gradient", "LARGE"): Edge("ACT602", loud, NONE, NONE, WARNING),
    ("frozen_layer", "STILL"): Edge("ACT603", faults.still, WARNING, NONE, NONE),
    ("frozen_layer", "MOVES"): Edge("ACT603", resting, NONE, WARNING, WARNING),
    ("learning_rate_high", "LIMIT"): Edge("ACT605", wild, NONE, NONE, WARNING),
    ("learning_rate_high", "EXTREME"): Edge("ACT605", wild, WARNING, ERROR, ERROR),
    ("learning_rate_high", "OFTEN"): Edge("ACT605", often, WARNING, ERROR, ERROR, 0.1),
    ("learning_rate_high", "SUSTAINED"): Edge("ACT605", lost, NONE, NONE, ERROR),
    ("learning_rate_low", "LIMIT"): Edge("ACT606", faults.slow, WARNING, NONE, NONE),
    ("learning_rate_low", "WHOLE"): Edge("ACT606", faults.short, WARNING, NONE, NONE),
    ("oscillating_loss", "TURNS"): Edge("ACT607", turned, WARNING, NOTE, NOTE, 0.02),
    ("over_regularised", "OVER"): Edge("ACT608", faults.decayed, NONE, NONE, WARNING),
    ("over_regularised", "OVER_APART"): Edge("ACT608", balanced, NONE, NONE, WARNING),
    ("over_regularised", "SHRUNK"): Edge("ACT608", shrunk, WARNING, NONE, NONE),
    ("over_regularised", "GONE"): Edge("ACT608", gone, WARNING, NONE, NONE),
    ("over_regularised", "GRAVE"): Edge("ACT608", gone, ERROR, WARNING, WARNING),
    ("input_not_centred", "NU"): Edge("ACT701", contract.nu, NONE, NONE, WARNING),
    ("input_not_centred", "GRAVE"): Edge("ACT701", contract.nu, WARNING, WARNING, ERROR),
    ("input_not_centred", "AXES"): Edge("ACT701", axes, NONE, NONE, WARNING),
    ("input_scale", "TIMES"): Edge("ACT702", faults.scale, NONE, NONE, WARNING),
    ("input_scale", "GRAVE"): Edge("ACT702", faults.scale, WARNING, ERROR, ERROR),
    ("zero_slope_artefact", "SHARE"): Edge("ACT801", faults.rounded, FACT, FACT, WARNING),
    ("zero_slope_artefact", "SOME"): Edge("ACT801", faults.rounded, NONE, NONE, FACT),
    ("costly_act", "SHARE"): Edge("ACT802", faults.cost, NONE, FACT, FACT),
    ("exploding_gradient", "SCORE"): Edge("ACT602", growing, NONE, ROUNDED, WARNING),
    ("exploding_gradient", "RECOVERY"): Edge("ACT602", spiked, NOTE, NOTE, ERROR, 1, True),
    ("vanishing_gradient", "DECADES"): Edge("ACT601", carried, NONE, ROUNDED, WARNING),
    ("vanishing_gradient", "DEAD"): Edge("ACT601", blocked, WARNING, NONE, NONE),
    ("scale_drift_at_init", "CUT"): Edge(
        "ACT301", lambda v: backward(2 * v), WARNING, ROUNDED, NONE
    ),
    ("scale_drift_at_init", "BACKWARD"): Edge("ACT301", backward, NONE, ROUNDED, WARNING),
    ("scale_drift_at_init", "OFFSET"): Edge("ACT301", offset, WARNING, NONE, NONE),
    ("learning_rate_high", "FIRST"): Edge("ACT605", at_first, NOTE, WARNING, WARNING, 1, True),
    ("learning_rate_low", "SPENT"): Edge("ACT606", faults.spent, ERROR, WARNING, WARNING),
    ("learning_rate_low", "ENDED"): Edge(
        "ACT606", lambda v: faults.spent(until=1 - v), WARNING, ERROR, ERROR
    ),
    ("learning_rate_low", "RISING"): Edge("ACT606", warming, WARNING, WARNING, NONE),
    ("over_regularised", "SHARE"): Edge("ACT608", half, NONE, WARNING, WARNING, 0.25, True),
    ("learning_rate_high", "KEPT"): Edge("ACT605", best, ERROR, ROUNDED, NONE, 0.05),
    ("learning_rate_low", "EXPLAINED"): Edge("ACT606", by_rate, WARNING, ROUNDED, ERROR),
    ("saturated_units", "EXACT"): Edge("ACT501", clipped, WARNING, ROUNDED, NONE, 1e-3),
    ("saturated_units", "FLOOR"): Edge("ACT501", bottom, WARNING, NONE, NONE),
    ("softmax_before_cross_entropy", "LEAST"): Edge("ACT201", least_row, NONE, ERROR, ERROR),
    ("symmetric_init", "LEAST_FREEDOM"): Edge("ACT302", small, NONE, ERROR, ERROR, 1, True),
    ("rows_mixed", "CHANGE"): Edge(
        "ACT906", lambda v: wiring.mixed(v).trace(), NONE, NONE, WARNING
    ),
    ("update_lost", "LOST"): Edge("ACT908", lambda v: wiring.lost(v).trace(), NONE, ERROR, ERROR),
    ("update_lost", "RATIO"): Edge("ACT908", divided, NONE, ERROR, ERROR),
    ("update_lost", "LEAST_STEPS"): Edge("ACT908", compared, NONE, ERROR, ERROR, 1, True),
    ("update_lost", "LEAST_ENTRIES"): Edge("ACT908", entries, NONE, ERROR, ERROR, 1, True),
    ("rows_without_gradient", "SILENT"): Edge(
        "ACT909", lambda v: wiring.silent(v).trace(), NONE, ERROR, ERROR
    ),
    ("rows_without_gradient", "ALL"): Edge("ACT909", unheard, NOTE, ERROR, ERROR, 5e-4),
    ("rows_without_gradient", "EMPTY"): Edge("ACT909", unlabelled, NONE, ERROR, ERROR),
    ("rows_without_gradient", "LEAST"): Edge("ACT909", looked_at, NONE, ERROR, ERROR, 1, True),
    ("term_without_gradient", "CUT"): Edge("ACT910", shown_cut, NONE, ERROR, ERROR, 1, True),
    ("term_without_gradient", "LEAST"): Edge(
        "ACT910", lambda v: wiring.cut_term(v).trace(), NONE, ERROR, ERROR, 1, True
    ),
    ("frozen_at_random", "LEAST_STEPS"): Edge(
        "ACT911", stalled_for, NONE, WARNING, WARNING, 1, True
    ),
    ("batch_not_learned", "LEFT"): Edge(
        "ACT912", lambda v: wiring.unlearned(v).trace(), NONE, NONE, WARNING
    ),
    ("targets_exchanged", "SHARE"): Edge(
        "ACT913", lambda v: wiring.exchanged(v, chance=1.0).trace(), NONE, ERROR, ERROR
    ),
    ("targets_exchanged", "EQUAL"): Edge(
        "ACT913", lambda v: wiring.exchanged(0.5, equal=v).trace(), ERROR, ERROR, NONE
    ),
    ("targets_exchanged", "LEAST"): Edge(
        "ACT913",
        lambda v: wiring.exchanged(0.5, returned=int(v)).trace(),
        NONE,
        ERROR,
        ERROR,
        1,
        True,
    ),
    ("targets_exchanged", "LEAST_CHANCE"): Edge(
        "ACT913", lambda v: wiring.exchanged(0.5, chance=v).trace(), NONE, ERROR, ERROR, 1e-3
    ),
}


# --- 403: which sign is called the cause --------------------------------------------------------

DEATH = 40  # the record at which half of the units fall silent


def cause(name: str, amount: float) -> str | None:
    """The cause of a death before which that sign had that size, and no other any."""
    silent = np.where(np.arange(100) < DEATH, 0.0, 0.5)
    build = healthy(flat(), dead_from=dead(0.5, 2), silent_unit_share=silent)
    near = np.arange(100) == DEATH - 1
    if name == "LARGE_UPDATE":
        for layer in ("fc1", "fc2", "fc3", "head"):
            build.series(f"{layer}.weight", "update_ratio", np.where(near, amount, 1e-3))
    elif name == "LARGE_RATE":
        rates = build.table["", "learning_rate"]
        jump = (rates.steps >= 4 * (DEATH - 1)) & (rates.steps < 4 * DEATH)
        build.table["", "learning_rate"] = replace(rates, values=np.where(jump, amount, 1.0))
    elif name == "LARGE_DRIFT":
        after = np.arange(100) >= DEATH
        for at in (1, 2, 3):
            build.series(f"act{at}", "pre_mean", np.where(after, -amount, 0.0))
    else:
        build.series("fc1", "rms", np.where(near, amount, 1.0))
    found = [r for r in RULES["ACT403"].check(build.trace()) if isinstance(r, Finding)]
    assert found
    return found[0].evidence.more.get("cause")


@pytest.mark.parametrize(
    ("name", "sign"),
    [
        ("LARGE_UPDATE", "update ratio"),
        ("LARGE_RATE", "learning rate"),
        ("LARGE_DRIFT", "mean of its input"),
        ("LARGE_SHIFT", "input scale"),
    ],
)
def test_a_sign_is_a_cause_from_its_threshold_on(name: str, sign: str) -> None:
    constant = getattr(module("died_in_training"), name)
    assert [cause(name, constant * by) for by in (0.99, 1.0, 1.01)] == [None, sign, sign]


# --- the contract -------------------------------------------------------------------------------

ELSEWHERE = {
    ("died_in_training", "LARGE_UPDATE"),
    ("died_in_training", "LARGE_RATE"),
    ("died_in_training", "LARGE_DRIFT"),
    ("died_in_training", "LARGE_SHIFT"),
}
"""Whose rows are above, by the cause that is named."""

EVIDENCE = "how much must have been seen before anything is said"
SHAPE = "a helper of the measurement, not compared with what is told"
RECORDER = "the recorder compares with it; tests/record/facts/test_signal_audit.py has both sides"
NO_EDGE = {
    ("act_after_act", "SIGMOID_SLOPE"): "a slope of acts; `test_act_knowledge.py` has its edge",
    ("act_after_act", "NARROW"): "a range of acts; `test_act_knowledge.py` has its edge",
    ("acting_linear", "RECENT"): EVIDENCE,
    ("born_dead", "LATE"): EVIDENCE,
    ("died_in_training", "EARLY"): EVIDENCE,
    ("died_in_training", "BACK"): SHAPE,
    ("dormant_units", "MOST"): SHAPE,
    ("dormant_units", "REDO"): SHAPE,
    ("exploding_gradient", "SPREAD"): SHAPE,
    ("failed_step", "IGNORED"): "the default of torch itself",
    ("frozen_layer", "LEAST"): EVIDENCE,
    ("input_not_centred", "RECORDS"): EVIDENCE,
    ("learning_rate_high", "NEAR"): SHAPE,
    ("learning_rate_low", "LEAST"): EVIDENCE,
    ("oscillating_loss", "LEAST"): EVIDENCE,
    ("over_regularised", "LEAST"): EVIDENCE,
    ("saturated_units", "RECORDS"): EVIDENCE,
    ("saturated_attention", "LEAST_ROWS"): EVIDENCE,
    (
        "saturated_attention",
        "FAR_FROM_ROOT",
    ): "chooses the cure, and not whether there is a finding",
    ("sees_its_targets", "LEAST"): EVIDENCE,
    ("input_scale", "LATE"): EVIDENCE,
    ("bounded_logits", "WANTED"): "in the words of the cure",
    ("dead_experts", "EACH"): EVIDENCE,
    ("near_overflow", "LARGEST"): "the largest number of float16",
    ("vanishing_gradient", "CALLS"): EVIDENCE,
    ("vanishing_gradient", "LEAST"): EVIDENCE,
    ("zero_slope_artefact", "RECENT"): EVIDENCE,
    ("collapsed_representation", "ALIKE"): RECORDER,
    ("collapsed_representation", "LEAST"): EVIDENCE,
    ("gradient_less_act", "LEAST"): EVIDENCE,
    ("gradient_over_time", "DECADES"): RECORDER,
    ("gradient_over_time", "LEAST"): EVIDENCE,
    ("inactive_latents", "ACTIVE"): RECORDER,
    ("inactive_latents", "LEAST"): EVIDENCE,
    ("inactive_latents", "ROWS_A_CODE"): EVIDENCE,
    ("one_sided_head", "TINY"): SHAPE,
    ("one_sided_head", "WIDE"): SHAPE,
    ("one_sided_head", "ROUNDING"): SHAPE,
    ("gradients_not_cleared", "LEAST"): EVIDENCE,
    ("gradients_not_cleared", "SPAN"): EVIDENCE,
    ("optimizer_never_steps", "LEAST"): EVIDENCE,
    ("optimizer_never_steps", "OPEN"): EVIDENCE,
    ("parameter_not_optimized", "LEAST"): EVIDENCE,
    ("parameter_without_gradient", "LEAST"): EVIDENCE,
    ("parameter_without_gradient", "LATE"): EVIDENCE,
    ("parameters_remade", "LEAST"): EVIDENCE,
}


LEVELS = ("FLOOR_", "HALF")  # losses that are printed, of formulas and no thresholds


def constants() -> set[tuple[str, str]]:
    """Every number that a rule's file names in capitals."""
    found: set[tuple[str, str]] = set()
    for stem in FILES:
        source = Path(str(module(stem).__file__)).read_text()
        for node in ast.parse(source).body:
            if not isinstance(node, ast.Assign):
                continue
            (target,) = node.targets
            for name in target.elts if isinstance(target, ast.Tuple) else [target]:
                value = getattr(module(stem), ast.unparse(name))
                known = isinstance(value, int | float) and not ast.unparse(name).startswith(LEVELS)
                if known and ast.unparse(name).isupper():
                    found.add((stem, ast.unparse(name)))
    return found


def test_every_number_of_a_rule_has_a_row_or_a_reason() -> None:
    rowed = {key for key in EDGES if key[0] in FILES}
    assert constants() == rowed | ELSEWHERE | set(NO_EDGE)
    assert not rowed & set(NO_EDGE)


@pytest.mark.parametrize("key", list(EDGES), ids=".".join)
def test_what_is_told_changes_at_the_threshold(key: tuple[str, str]) -> None:
    edge = EDGES[key]
    constant = getattr(module(key[0]), key[1])
    said = [told(edge.code, edge.make(value)) for value in edge.values(constant)]
    at = said[1] if edge.at is ROUNDED else edge.at
    assert said == [edge.below, at, edge.above]
    assert edge.below != edge.above


def test_a_threshold_that_is_elsewhere_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken twin: a rule that compares with another number than the one it names."""
    edge = EDGES["input_not_centred", "NU"]
    monkeypatch.setattr("relume.rules.inputs.input_not_centred.NU", 0.7)
    said = [told(edge.code, edge.make(value)) for value in edge.values(0.8)]
    assert said != [edge.below, edge.at, edge.above]
