"""ACT701 input-not-centred: inputs whose mean outweighs what they differ in.

## What it does
Measures how much of the energy of the network's input lies in its mean, and how much longer its
first principal axis is than the rest.

## Why it hurts
dL/dW = dL/da times x. If all inputs of a unit have one sign, so have all its weight gradients in a
sample, and the path to the optimum zig-zags. In numbers: the mean is one direction with a huge
curvature, and the learning rate that it allows is too small for all others.

## How it is measured
nu = norm(E x)^2 / E norm(x)^2 over all rows so far. Threshold 0.8: nu of 0.55 cost nothing, 0.83
cost 3.5 times the steps, 0.97 13 times. Or lambda_1 / mean(lambda_2..50) of E x x^T above 250, for
inputs with one other dominant axis (a starting definition, tried on 80 healthy and 92 faulty runs).
Error from 0.95 on, between the two that were measured (reasoned). Least evidence: 1000 rows, by
which nu is known within 0.03; with fewer, a note from 8 records on, which says its number.

## Known false alarms
One-hot and embedding inputs (their nu is small, and they are no input site). Hidden layers are not
judged: after ReLU nu is 0.318 and after sigmoid 0.85 by theory, and both train.

## Fixes and their safety
Standardise the inputs, with constants from the training set (retrain). Fold the mean into the first
bias (exact for the function). A leaky act does not cure it: measured 0.459 against 0.860.

## References
LeCun, Kanter and Solla, "Second order properties of error surfaces", NIPS 1990. LeCun, Bottou, Orr
and Müller, "Efficient BackProp", 1998.
"""

from collections.abc import Iterator

from relume.core import Evidence, Finding, Result, Severity, Site, Trace, Value
from relume.rules.page import page
from relume.rules.series_tools import INPUT_SAMPLES, curve, last_step

PAGE = page(__doc__)

NU, GRAVE = 0.8, 0.95  # measured: 0.55 is free, 0.83 costs 3.5 times the steps, 0.97 13 times
AXES = 250.0  # lambda_1 over the mean of the next (see the page)
RECORDS = 8  # with tiny data the evidence comes from steps (law 10 in docs/laws.md)


def check(trace: Trace) -> Iterator[Result]:
    """One finding per input that is not centred."""
    sites = trace.sites_of("input")
    if not sites:
        yield PAGE.missing("no input that enters an affine layer was seen")
    for site in sites:
        yield _judge_input(trace, site)


def _judge_input(trace: Trace, site: Site) -> Result:
    nu = trace.series(site.name, "mean_energy_share")
    if nu is None or not len(nu):
        return PAGE.missing("its mean was not measured", site=site.name)
    rows_seen, axes = trace.series(site.name, "samples"), trace.series(site.name, "eigen_ratio")
    rows = int(rows_seen.values[-1]) if rows_seen is not None and len(rows_seen) else 0
    ratio = float(axes.values[-1]) if axes is not None and len(axes) else None
    share = float(nu.values[-1])
    if rows < INPUT_SAMPLES and len(nu) < RECORDS:
        return PAGE.missing(f"only {rows} rows in {len(nu)} records", "train longer", site.name)
    if share > NU or (ratio is not None and ratio > AXES):
        return _finding(trace, site, share, ratio, rows)
    text = f"{share:.0%} of the input's size is its mean (harmful from {NU:.0%}; {rows} rows"
    if ratio is not None:
        text += f"; its first axis is {ratio:.3g} times the next, harmful from {AXES:g}"
    return PAGE.clean(f"{text}; {site.name or 'input'})", share / NU)


def _finding(trace: Trace, site: Site, nu: float, ratio: float | None, rows: int) -> Finding:
    by_mean = nu > NU
    if by_mean:
        text = "{value:.0%} of the size of the input at {site} is its mean (harmful from "
        text += "{threshold:.0%}; {samples} rows)"
    else:
        text = (
            "the input at {site} lies along one axis: it holds {value:.3g} times as much of its "
            "size as the next ones ({samples} rows; its mean is {mean_energy_share:.0%})"
        )
    severity = Severity.ERROR if nu > GRAVE else Severity.WARNING
    if rows < INPUT_SAMPLES:
        severity = Severity.NOTE
    more: dict[str, Value] = {"mean_energy_share": nu, "eigen_ratio": ratio}
    series = trace.series(site.name, "mean_energy_share")
    begin = int(series.steps[0]) if series is not None else 0
    return PAGE.finding(
        site,
        severity,
        (begin, last_step(trace)),
        text,
        Evidence(
            "mean_energy_share" if by_mean else "eigen_ratio",
            nu if by_mean or ratio is None else ratio,
            NU if by_mean else AXES,
            samples=rows,
            more=more,
            curve=curve(series),
        ),
        cure="standardise the inputs with the training set's mean and standard deviation",
    )


EXPLAINS = ("ACT301", "ACT303", "ACT401", "ACT402", "ACT403", "ACT501", "ACT502", "ACT601")
LATER = ("ACT602", "ACT603", "ACT604", "ACT605", "ACT606", "ACT607", "ACT801")
RULE = PAGE.rule(
    check,
    severities=("note", "warning", "error"),
    needs=("data",),
    from_start=True,
    explains=(*EXPLAINS, *LATER),
    upstream=True,
)
