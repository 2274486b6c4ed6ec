"""ACT804 near-overflow: values of an act in float16 that come near the largest number it has.

## What it does
Finds acts computed in float16 whose inputs or outputs come within a factor of eight of 65504.

## Why it hurts
Beyond 65504 a float16 is infinite. A product of two such values (a gate and what it lets through),
or one more growth of the weights, ends in NaN, on all later layers and in all weights at the next
step. A loss scaler skips the steps on which it happens in the backward pass, and cannot help where
it happens in the forward pass.

## How it is measured
The largest abs input or output of sampled rows, over the last two or more windows, against 65504,
where the act kept its values in float16 (autocast, or `model.half()`). A note from an eighth on:
three doublings are left (reasoned); a warning from half on, where the next doubling overflows.
bfloat16 has the range of float32, and is not judged.

## Known false alarms
A few massive activations, which trained language models have and which do not grow.

## Fixes and their safety
Advice: bfloat16 in place of float16; the product, or the layer, in float32; a limit on gate and
value that is trained with the model (clamped SwiGLU); a norm layer before it.

## References
Micikevicius et al., "Mixed precision training", ICLR 2018, arXiv:1710.03740. Sun et al., "Massive
activations in large language models", 2024, arXiv:2402.17762. IEEE Standard 754-2019 (65504).
"""

from collections.abc import Iterator, Sequence

import numpy as np

from relume.core import Evidence, Result, Severity, Site, Trace, Window
from relume.rules.page import page
from relume.rules.series_tools import curve, last_step
from relume.rules.unit_windows import LEAST_WINDOWS, highest, lowest, samples

PAGE = page(__doc__)

LARGEST = 65504.0  # of float16
NEAR, NEXT = 0.125, 0.5  # three doublings are left, and one (reasoned)


def check(trace: Trace) -> Iterator[Result]:
    """One finding for each act in float16 that comes near its largest number."""
    half = {f.site for f in trace.facts_of("precision") if f.data.get("dtype") == "float16"}
    sites = [site for site in trace.sites_of("act") if site.name in half]
    if not sites:
        yield PAGE.clean("no act was computed in float16", applies=False)
        return
    fine: list[float] = []
    for site in sites:
        part = trace.windows(site.name)[-LEAST_WINDOWS:]
        size = _largest(part)
        if size is None:
            yield PAGE.missing("its values were not recorded", "train longer", site.name)
        elif size < NEAR * LARGEST:
            fine.append(size / LARGEST)
        else:
            yield _finding(trace, site, part, size)
    if fine:
        yield PAGE.clean(f"at most {max(fine):.1%} of float16's range is used", max(fine) / NEAR)


def _largest(windows: Sequence[Window]) -> float | None:
    """The largest abs input or output in these windows."""
    ends = [highest(windows, name) for name in ("post_max", "pre_max")]
    ends += [lowest(windows, name) for name in ("post_min",)]
    known = [np.abs(end[np.isfinite(end)]) for end in ends if end is not None]
    sizes = [float(end.max()) for end in known if len(end)]
    return max(sizes, default=None)


def _finding(trace: Trace, site: Site, windows: Sequence[Window], size: float) -> Result:
    text = "values of {place} reach {value:.3g} in {dtype}, whose largest number is {largest:.5g}"
    evidence = Evidence(
        "absmax",
        size,
        NEAR * LARGEST,
        max(samples(windows), 1),
        {"dtype": "float16", "largest": LARGEST, "act": site.act},
        curve(trace.series(site.name, "pre_absmax")),
    )
    severity = Severity.WARNING if size >= NEXT * LARGEST else Severity.NOTE
    cure = "bfloat16 in place of float16, or this part in float32"
    return PAGE.finding(
        site, severity, (windows[0].first, last_step(trace)), text, evidence, cure=cure
    )


RULE = PAGE.rule(check, severities=("note", "warning"), explains=("ACT604", "ACT803"))
