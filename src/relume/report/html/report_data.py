"""Makes the data of the report's page: one run or two, rules' pages, acts' curves, trials."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from relume.core import Severity
from relume.core.trial import Trial
from relume.report.html.html_page import html, inline
from relume.report.html.run_data import MOST, RunData, encoder_for, run_data
from relume.report.html.trial_data import trial_data
from relume.report.rule_pages.pages import rules
from relume.report.words.sanitise import name

VERSION = 1
MOST_RUNS = 2
LARGEST = 800_000
"""Characters of data up to which a page, with a bundle of 168 kB, has at most a megabyte."""
FEWEST = 20_000
"""Values of a page below which its words, not its values, take the room."""


def report(runs: Sequence[RunData], trials: Sequence[Trial] = ()) -> str:
    """Return the report as one HTML file.

    Args:
        runs: one run, or two to lay side by side.
        trials: the trials of fixes for the findings.
    """
    data = report_data(runs, trials)
    names = " and ".join(run["name"] for run in data["runs"])
    summary = " ".join(str(each.diagnosis) for each in runs)
    return html(data, title=f"{names}: relume", summary=summary)


def live(data: str) -> str:
    """Return the page that follows a run, with the data that `live_data` made."""
    return html(json.loads(data), title="relume live", live=True)


def live_data(run: RunData, every: float) -> str:
    """Return one run as JSON, for a page that asks again every `every` seconds."""
    data = {**report_data([run]), "live": {"every": every}}
    return json.dumps(data, allow_nan=False, separators=(",", ":"))


def report_data(runs: Sequence[RunData], trials: Sequence[Trial] = ()) -> dict[str, Any]:
    """Return the report as plain data, no larger than a page may be."""
    most = MOST
    data = _page_data(runs, trials, most)
    while len(inline(data)) > LARGEST and most > FEWEST:  # long names, or very many findings
        most //= 2
        data = _page_data(runs, trials, most)
    return data


def _page_data(runs: Sequence[RunData], trials: Sequence[Trial], most: int) -> dict[str, Any]:
    encoders = encoder_for(runs, most)
    drawn = [run_data(run, encoder) for run, encoder in zip(runs, encoders, strict=True)]
    return {
        "kind": "report",
        "version": VERSION,
        "runs": drawn,
        "pages": _pages(finding["rule"] for run in drawn for finding in run["findings"]),
        "curves": _curves(block["act"] for run in drawn for block in run["blocks"]),
        "trials": [trial_data(trial) for trial in trials],
        "differences": _differences(runs) if len(runs) == MOST_RUNS else None,
    }


def _differences(runs: Sequence[RunData]) -> dict[str, list[list[str]]]:
    """Return findings of `note` or above: of the first run only, of the second only, of both."""
    one, two = (
        {f.key: f for f in each.diagnosis.findings if f.severity >= Severity.NOTE} for each in runs
    )

    def rows(keys: Iterable[str], of: Mapping[str, Any]) -> list[list[str]]:
        return [[str(of[k].severity), f"{of[k].code} {of[k].name}", name(of[k].site)] for k in keys]

    return {
        "first": rows((key for key in one if key not in two), one),
        "second": rows((key for key in two if key not in one), two),
        "both": rows((key for key in one if key in two), one),
    }


def _pages(wanted: Iterable[str]) -> dict[str, Any]:
    """Return the pages of these rules: code, summary, and sections of paragraphs."""
    named = set(wanted)
    return {
        page.name: {"code": page.code, "summary": page.summary, "sections": sections(page.text)}
        for page in rules()
        if page.name in named
    }


def sections(text: str) -> list[list[Any]]:
    """Return a page's text as `[title, [paragraph, ...]]`.

    >>> sections("## One\\na\\nb\\n\\nc\\n## Two\\nd")
    [['One', ['a b', 'c']], ['Two', ['d']]]
    """
    titled: list[list[Any]] = []
    for part in f"\n{text.strip()}".split("\n## ")[1:]:
        title, _, body = part.partition("\n")
        paragraphs = [" ".join(each.split()) for each in body.split("\n\n")]
        titled.append([title.strip(), [each for each in paragraphs if each]])
    return titled


def _curves(wanted: Iterable[str]) -> dict[str, Any]:
    known = curves()
    acts: Mapping[str, Any] = known["acts"]
    return {"z": known["z"], "acts": {act: acts[act] for act in sorted(set(wanted) & set(acts))}}


@cache
def curves() -> Mapping[str, Any]:
    """Return value, slope and flat sides of the usual acts; web/curves.py writes the file."""
    text = files("relume.report.html").joinpath("curves.json").read_text("utf-8")
    made: Mapping[str, Any] = json.loads(text)
    return made
