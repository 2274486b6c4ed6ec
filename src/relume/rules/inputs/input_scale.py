"""ACT702 input-scale: inputs far too large, far too small, or of very different sizes.

## What it does
Measures the RMS of the network's input and how much the spread differs from feature to feature.
Inputs that are zero throughout (bytes divided as integers) are an error.

## Why it hurts
Initialisations assume inputs of about unit size. Pixels from 0 to 255 begin every squashing act at
its flat end, and a column of incomes beside one of ages makes the loss a gorge: the step that fits
the one is far too small for the other.

## How it is measured
RMS over all rows so far above 30 or below 1/30; or the largest standard deviation of a feature over
the median one above 30 (features that are constant are left out). The 30 was tried on 80 healthy
and 92 faulty runs. Warning; an error from 300 on, which is reasoned. Least evidence: one batch.

## Known false alarms
Codes of zeros and ones are not measured (one-hot, masks). Word counts and other rare features have
few large spreads among many small ones. A norm layer behind the first layer takes the overall
scale out again: on a run that learns this is a note.

## Fixes and their safety
Standardise every feature with constants from the training set (retrain), or divide pixels by 255
(retrain).

## References
LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.3.
"""

from collections.abc import Iterator
from itertools import chain

from relume.core import Evidence, Finding, Result, Series, Severity, Site, Trace, Value
from relume.rules.page import page
from relume.rules.series_tools import curve, last_step

PAGE = page(__doc__)

TIMES, GRAVE = 30.0, 300.0  # see the page; the step to error is reasoned
LATE = 0.8  # of the run: rare codes of ones may come later than the first rows
SPREAD = "feature_std_max_over_median"


def check(trace: Trace) -> Iterator[Result]:
    """At most one finding per input."""
    sites = trace.sites_of("input")
    if not sites:
        yield PAGE.missing("no input that enters an affine layer was seen")
    yield from chain.from_iterable(_judge_input(trace, site) for site in sites)


def _judge_input(trace: Trace, site: Site) -> Iterator[Result]:
    rms, spread = (_last(trace.series(site.name, stat)) for stat in ("rms", SPREAD))
    if rms is None and spread is None:
        yield PAGE.missing("its size was not measured", site=site.name)
        return
    if _is_zero(trace, site) and all(_is_zero(trace, one) for one in trace.sites_of("input")):
        yield _nothing(trace, site)
        return
    off = max(rms, 1 / rms) if rms else 0.0
    if max(off, spread or 0.0) > TIMES:
        yield _finding(trace, site, rms, off, spread)
        return
    text = f"the input at {site.name} has an RMS of {rms:.3g}" if rms else "the input is all zero"
    yield PAGE.clean(f"{text}, its features differ {spread:.3g} times" if spread else text)
    if spread is None:
        yield PAGE.missing("the spread of the features was not recorded", site=site.name)


def _last(series: Series | None) -> float | None:
    return float(series.values[-1]) if series is not None and len(series) else None


def _is_zero(trace: Trace, site: Site) -> bool:
    """Whether every entry that was looked at was zero, to the end of the run."""
    series = trace.series(site.name, "rms")
    if series is None or not len(series) or bool(series.values.any()):
        return False
    return float(series.steps[-1]) >= LATE * last_step(trace)


def _nothing(trace: Trace, site: Site) -> Finding:
    series = trace.series(site.name, "rms")
    rows = int(_last(trace.series(site.name, "samples")) or 1)
    return PAGE.finding(
        site,
        Severity.ERROR,
        (int(series.steps[0]) if series is not None else 0, last_step(trace)),
        "every entry of the input at {site} is zero, on all steps that were looked at",
        Evidence("input_rms", 0.0, 0.0, rows),
        cure="look at how inputs are made: integers divided as integers, a mask, an empty column",
    )


def _finding(
    trace: Trace, site: Site, rms: float | None, off: float, spread: float | None
) -> Finding:
    by_size = off >= (spread or 0.0)
    value = off if by_size else (spread or 0.0)
    away = "smaller" if rms is not None and rms < 1 else "larger"
    more: dict[str, Value] = {"rms": rms, "spread": spread, "away": away}
    if by_size:
        text = "the input at {site} has an RMS of {rms:.3g}, {value:.3g} times {away} than one"
    else:
        text = "one feature of the input at {site} spreads {value:.3g} times as far as the median "
        text += "one"
    series = trace.series(site.name, "rms" if by_size else SPREAD)
    rows = int(_last(trace.series(site.name, "samples")) or 1)
    stat = "rms_away_from_one" if by_size else SPREAD
    return PAGE.finding(
        site,
        Severity.ERROR if value >= GRAVE else Severity.WARNING,
        (int(series.steps[0]) if series is not None else 0, last_step(trace)),
        text,
        Evidence(stat, value, TIMES, rows, more, curve(series)),
        cure="standardise every feature of the inputs with constants from the training set",
    )


EXPLAINS = (
    *("ACT301", "ACT303", "ACT401", "ACT402", "ACT403", "ACT501", "ACT502"),
    *(
        "ACT503",
        "ACT601",
    ),
)
LATER = ("ACT602", "ACT603", "ACT604", "ACT605", "ACT606", "ACT607", "ACT801")
RULE = PAGE.rule(
    check,
    severities=("warning", "error"),
    needs=("data",),
    from_start=True,
    explains=(*EXPLAINS, *LATER),
    upstream=True,
)
