"""ACT407 inactive-latents: a code of which nothing, or little, is used.

## What it does
Counts the latents that carry something: means of a variational autoencoder that depend on the
row, codes of a codebook that are ever picked, units of a sparse autoencoder that ever fire.

    loss = reconstruction + 20.0 * kl  # from the first step on

"0 of 8 latents of mu depend on the row: the mean of none varies by more than 0.01". Instead:

    loss = reconstruction + min(1.0, step / 2000) * kl

## Why it hurts
A decoder that gets the same latent for every row models the data without it: the loss falls, and
the representation that the model was built for is empty. A codebook of which two codes are used
carries one bit. A latent of a sparse autoencoder that never fires is a feature that is not found.

## How it is measured
On the last records that were looked at. Means (the last 2): the variance over rows of a latent's
mean is above 0.01 (Burda et al.). None active: a warning, unless the run is too short to judge;
fewer than half: a note, as unused dimensions cost nothing. Codes (the last 8): picked at least
once on as many rows as three times their number or more (a code with an even share is then missed
once in twenty). Fewer than an eighth used: a warning (three bits are lost), fewer than half a
note. Latents of a sparse autoencoder: those that never fire; from 14 % a warning (twice the 7 %
that published ones have with an auxiliary loss; without it they lose up to 90 %), from 7 % a note.
A sparse autoencoder is recognised by its shape: one layer, wider than the data, whose output a
second layer turns into the same data.

## Known false alarms
The first epochs of a warm-up, in which latents may be used and are let go later, or the reverse:
the last records decide. A codebook that is larger than the batch shows: then it is not judged.
Codebooks that a moving average updates get no gradient, so they are not seen.

## Fixes and their safety
All retrain. Means: a warm-up of the divergence, free bits, a smaller weight, a weaker decoder.
Codes: begin at points of the data, restart codes that are not picked, smaller or normalised
codes. Latents: centre the data and begin the decoder's bias at their mean, an auxiliary loss,
resampling.

## References
Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", 2015, arXiv:1509.00519.
Bowman et al., "Generating sentences from a continuous space", 2016, arXiv:1511.06349. Kingma et
al., "Improved variational inference with inverse autoregressive flow", 2016, arXiv:1606.04934
(free bits). Dhariwal et al., "Jukebox", 2020, arXiv:2005.00341 (code restarts). Gao et al.,
"Scaling and evaluating sparse autoencoders", 2024, arXiv:2406.04093.
"""

from collections.abc import Iterator

from relume.core import Evidence, Fact, Finding, Result, Severity, Site, Trace
from relume.rules.outcome import judge
from relume.rules.page import page
from relume.rules.series_tools import is_recorded, last_step, number
from relume.rules.unit_windows import dead_units

PAGE = page(__doc__)

ACTIVE = 0.01  # variance over rows of a mean (Burda et al. 2015)
LEAST = 4  # records that were looked at
ROWS_A_CODE = 3  # exp(-3) = 5 %: a code with an even share is missed that rarely
FEW_CODES, HALF = 1 / 8, 1 / 2
SILENT, SOME_SILENT = 0.14, 0.07  # of a sparse autoencoder's latents; see the page
CURES = {
    "gaussian": "warm the divergence up, give it free bits, or lower its weight",
    "codes": "begin the codes at points of the data, and restart those that are not picked",
    "top-k": "centre the data, begin the decoder's bias at their mean, and revive silent latents",
}


def check(trace: Trace) -> Iterator[Result]:
    """One finding for each place whose latents are not used."""
    if not is_recorded(trace, "latents"):
        yield PAGE.missing("latents were not looked for", "record again")
        return
    facts = trace.facts_of("latents")
    results = [_judge(trace, fact) for fact in facts]
    yield from (result for result in results if result is not None)
    if not any(results):
        count = f"{len(facts)} places with latents" if facts else "no latents"
        yield PAGE.clean(f"{count} seen, none of them idle")


def _judge(trace: Trace, fact: Fact) -> Result | None:
    what, units = str(fact.data.get("what")), int(number(fact.data.get("units")) or 0)
    if what == "units":
        return _units(trace, fact)
    used, rows = (int(number(fact.data.get(name)) or 0) for name in ("used", "rows"))
    if int(number(fact.data.get("records")) or 0) < LEAST:
        return PAGE.missing(f"fewer than {LEAST} records were looked at", "train longer", fact.site)
    if what == "gaussian":
        if not used and judge(trace).name == "too-short":
            reason = "the run is too short to judge, and latents come into use later"
            return PAGE.missing(reason, "train longer", fact.site)
        severity = Severity.WARNING if not used else _note(used < HALF * units)
        text = "{used} of {units} latents of {site} depend on the row: the mean of the others "
        text += "varies by less than {active:g}"
        return _finding(trace, fact, severity, text, used, units, rows)
    if rows < ROWS_A_CODE * units:
        return PAGE.missing(f"{rows} rows were seen, too few for {units} codes", site=fact.site)
    if what == "codes":
        severity = _note(used < HALF * units)
        severity = Severity.WARNING if used < FEW_CODES * units else severity
        text = "{used} of {units} codes of {site} were picked on {samples} rows"
    else:
        severity = _of_silent(1 - used / max(units, 1))
        text = "{used} of {units} latents of {site} were among the largest on any of {samples} rows"
    return _finding(trace, fact, severity, text, used, units, rows)


def _note(flag: bool) -> Severity | None:
    return Severity.NOTE if flag else None


def _of_silent(share: float) -> Severity | None:
    return Severity.WARNING if share >= SILENT else _note(share >= SOME_SILENT)


def _units(trace: Trace, fact: Fact) -> Finding | None:
    """The finding on a sparse autoencoder's units that never fire."""
    site = trace.site(fact.site)
    dead = None if site is None else dead_units(trace, site)
    if site is None or dead is None or isinstance(dead, str) or not len(dead.now):
        return None
    silent = int(dead.now.sum())
    severity = _of_silent(silent / len(dead.now))
    if severity is None:
        return None
    text = "{silent} of {units} latents of {site} fired on none of {samples} rows"
    return PAGE.finding(
        site,
        severity,
        (fact.step, last_step(trace)),
        text,
        Evidence(
            "silent_latent_share",
            silent / len(dead.now),
            SOME_SILENT,
            dead.samples,
            {"silent": silent, "units": len(dead.now)},
        ),
        cure=CURES["top-k"],
    )


def _finding(
    trace: Trace, fact: Fact, severity: Severity | None, text: str, used: int, units: int, rows: int
) -> Finding | None:
    if severity is None:
        return None
    file, line = str(fact.data.get("file") or ""), int(number(fact.data.get("line")) or 0)
    return PAGE.finding(
        Site(fact.site, "", layer=fact.site, file=file, line=line),
        severity,
        (fact.step, last_step(trace)),
        text,
        Evidence(
            "used_latent_share",
            used / max(units, 1),
            HALF,
            rows,
            {"used": used, "units": units, "most": number(fact.data.get("most")), "active": ACTIVE},
        ),
        cure=CURES[str(fact.data.get("what"))],
    )


RULE = PAGE.rule(
    check,
    severities=("note", "warning"),
    needs=("trained", "batches"),
    symptom=False,
    explains=("ACT303", "ACT401", "ACT403", "ACT405"),
)
