"""What the report's page is given: one run or two, the rules' pages, the acts' curves, trials."""

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
LARGEST = 820_000
"""Characters of data up to which a page, with a bundle of 160 kB, has at most a megabyte."""
FEWEST = 20_000
"""Values below which the words are what takes the room."""


def report(shown: Sequence[RunData], trials: Sequence[Trial] = ()) -> str:
    """The report as one HTML file.

    Args:
        shown: one run, or two to lay side by side.
        trials: what was tried against what was found.
    """
    data = report_data(shown, trials)
    names = " and ".join(run["name"] for run in data["runs"])
    summary = " ".join(str(each.diagnosis) for each in shown)
    return html(data, title=f"{names}: relume", summary=summary)


def live(data: str) -> str:
    """The page that follows a run, with the data that `live_data` made."""
    return html(json.loads(data), title="relume live", live=True)


def live_data(shown: RunData, every: float) -> str:
    """One run for a page that asks for it again every so many seconds, as JSON."""
    data = {**report_data([shown]), "live": {"every": every}}
    return json.dumps(data, allow_nan=False, separators=(",", ":"))


def report_data(shown: Sequence[RunData], trials: Sequence[Trial] = ()) -> dict[str, Any]:
    """The report as plain data."""
    most = MOST
    data = _book(shown, trials, most)
    while len(inline(data)) > LARGEST and most > FEWEST:  # long names, or very many findings
        most //= 2
        data = _book(shown, trials, most)
    return data


def _book(shown: Sequence[RunData], trials: Sequence[Trial], most: int) -> dict[str, Any]:
    presses = encoder_for(shown, most)
    runs = [run_data(each, press) for each, press in zip(shown, presses, strict=True)]
    return {
        "kind": "report",
        "version": VERSION,
        "runs": runs,
        "pages": _pages(finding["rule"] for run in runs for finding in run["findings"]),
        "curves": _curves(block["act"] for run in runs for block in run["blocks"]),
        "trials": [trial_data(trial) for trial in trials],
        "differences": _differences(shown) if len(shown) == MOST_RUNS else None,
    }


def _differences(shown: Sequence[RunData]) -> dict[str, list[list[str]]]:
    """Which findings of `note` or above only the one has, only the other, and both."""
    one, two = (
        {f.key: f for f in each.diagnosis.findings if f.severity >= Severity.NOTE} for each in shown
    )

    def told(keys: Iterable[str], of: Mapping[str, Any]) -> list[list[str]]:
        return [[str(of[k].severity), f"{of[k].code} {of[k].name}", name(of[k].site)] for k in keys]

    return {
        "first": told((key for key in one if key not in two), one),
        "second": told((key for key in two if key not in one), two),
        "both": told((key for key in one if key in two), one),
    }


def _pages(wanted: Iterable[str]) -> dict[str, Any]:
    """The pages of these rules: code, summary, and sections of paragraphs."""
    named = set(wanted)
    return {
        page.name: {"code": page.code, "summary": page.summary, "sections": sections(page.text)}
        for page in rules()
        if page.name in named
    }


def sections(text: str) -> list[list[Any]]:
    """A page's text as `[title, [paragraph, ...]]`.

    >>> sections("## One\\na\\nb\\n\\nc\\n## Two\\nd")
    [['One', ['a b', 'c']], ['Two', ['d']]]
    """
    found: list[list[Any]] = []
    for part in f"\n{text.strip()}".split("\n## ")[1:]:
        title, _, body = part.partition("\n")
        paragraphs = [" ".join(each.split()) for each in body.split("\n\n")]
        found.append([title.strip(), [each for each in paragraphs if each]])
    return found


def _curves(wanted: Iterable[str]) -> dict[str, Any]:
    known = curves()
    acts: Mapping[str, Any] = known["acts"]
    return {"z": known["z"], "acts": {act: acts[act] for act in sorted(set(wanted) & set(acts))}}


@cache
def curves() -> Mapping[str, Any]:
    """Value, slope and flat sides of the acts at their usual parameters; web/curves.py makes it."""
    text = files("relume.report.html").joinpath("curves.json").read_text("utf-8")
    made: Mapping[str, Any] = json.loads(text)
    return made
