"""Trials in the terminal: what was tried, with its interval, against the script as it is."""

import math
from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from relume.core import Finding
from relume.core.trial import Arm, ArmSummary, Cure, Trial, Verdict
from relume.report.terminal.root_cause import message
from relume.report.terminal.style import Style
from relume.report.words.sanitise import count, duration, name, number, place, prose, sentence

_STYLES = {
    "proven": "bold green",
    "worse": "bold red",
    "undecided": "yellow",
    "symptom gone, no measurable gain": "cyan",
    "no proven gain": "dim",
    "not run": "dim",
}
_WORDS = {"no proven gain": "no difference shown", "proven": "better"}  # what a comparison calls it


def cure(found: Cure, console: Console, *, diff: bool = True) -> None:
    """What `relume fix` says: the verdict, the cause, what was tried, the patch."""
    ink = Style(console)
    ink.put()
    _banner(found, ink)
    if found.root is not None:
        _cause(found.root, ink)
    for some in _by_objective(found.trials):
        ink.put()
        table(some, "What was tried", ink)
    for edit in found.advice:
        ink.put()
        ink.put(ink.text(("by hand  ", "bold"), sentence(edit.text), ("  not tried", "dim")))
    if found.diff and diff:
        _patch(found, ink)
    elif found.edit is not None and not found.diff:
        _by_hand(found, ink)
    _footer(found.trials, ink)


def trial(found: Trial, console: Console) -> None:
    """What `relume prove` says: one trial."""
    ink = Style(console)
    ink.put()
    table((found,), found.question[:1].upper() + found.question[1:], ink)
    _footer((found,), ink)


def _banner(found: Cure, ink: Style) -> None:
    if found.root is None:
        sign, style, claim = "✓", "bold green", "Nothing to fix."
        words = prose(found.diagnosis.outcome.text)
    elif found.edit is not None and found.verdict is not None:
        sign, style = "✓", "bold green"
        claim = f"Proven: {prose(found.edit.text or found.edit.fix)}."
        words = _from_to(found.trials, found.verdict)
    else:
        sign, style, claim = "?", "bold yellow", "Leave it: no repair shows a gain."
        words = prose(found.diagnosis.outcome.text)
        if any(v.word == "undecided" for t in found.trials for v in t.verdicts):
            claim = "Undecided: no repair is proven yet."
    title = ink.text(("relume fix", "bold"))
    text = ink.text((f"{ink.sign(sign)} {claim}", style), " ", words)
    ink.put(Panel(text, title=title, title_align="left", border_style=style.removeprefix("bold ")))


def _from_to(trials: Sequence[Trial], verdict: Verdict) -> str:
    for each in trials:
        base, arm = each.standing("base"), each.standing(verdict.arm)
        if base is not None and arm is not None and each.verdict(verdict.arm) == verdict:
            name, judged = each.objective.name.capitalize(), verdict.text
            if verdict.fresh:  # other seeds than those of the means, and so another difference
                judged = f"On fresh seeds alone {judged[:1].lower()}{judged[1:]}"
            seeds = f"over all {arm.runs} seeds" if arm.runs > 1 else "at one seed"
            return f"{name} {mean(arm)} with it, {mean(base)} without, {seeds}. {judged}"
    return verdict.text


def _cause(root: Finding, ink: Style) -> None:
    ink.put()
    ink.rule(ink.text((f"{root.code} ", "bold"), (root.name, "bold yellow")), "yellow", heavy=True)
    ink.put(ink.text((message(root), "bold")), left=3)
    where = place(root.file, root.line)
    if where:
        ink.put(ink.text((where, "cyan")), left=3)


def _by_objective(trials: Sequence[Trial]) -> list[list[Trial]]:
    """Rungs that were judged by the same number share a table."""
    return [list(some) for _, some in groupby(trials, key=lambda each: each.objective)]


def table(trials: Sequence[Trial], title: str, ink: Style) -> None:
    """Trials of one objective: a row for each arm with its value, difference and verdict."""
    first, last = trials[0], trials[-1]
    way = "lower" if first.objective.better == "min" else "higher"
    ink.rule(ink.text((prose(title), "bold")), "dim")
    head = f"{first.objective.name}, {way} is better; mean and 95 % interval; differences by pair"
    ink.put(ink.text((head, "dim")), left=1)
    why = str(first.meta.get("why_objective") or "")
    if why and why != "as asked":
        ink.put(ink.text((f"judged by it because {why}", "dim")), left=1)
    # the base's runs grow from trial to trial: the last one has all of them
    rows = [(last, arm) for arm in last.arms if arm.role == "base"]
    rows += [(each, arm) for each in trials for arm in each.arms if arm.role == "candidate"]
    if ink.width < 100:
        for each, arm in rows:
            _stacked(each, arm, ink)
    else:
        ink.put(_columns(rows, ink), left=1)
    ink.put(ink.text((_placebo(last), "dim")), left=1)


def _columns(rows: Sequence[tuple[Trial, Arm]], ink: Style) -> Table:
    """Shares of the width, so that several tables stand in line."""
    columns = Table.grid(padding=(0, 2, 0, 0), expand=True)
    for ratio in (27, 23, 27, 10, 20):
        columns.add_column(ratio=ratio, overflow="fold")
    for found, arm in rows:
        standing, verdict = found.standing(arm.name), found.verdict(arm.name)
        columns.add_row(
            ink.text((name(arm.text or arm.name), "bold" if arm.role == "base" else "")),
            ink.text(_value(standing)),
            ink.text(difference(verdict)),
            ink.text(_wins(verdict)),
            verdict_words(verdict, ink),
        )
    return columns


def _stacked(found: Trial, arm: Arm, ink: Style) -> None:
    standing, verdict = found.standing(arm.name), found.verdict(arm.name)
    ink.put(ink.text((prose(arm.text or arm.name), "bold")), left=1)
    ink.put(ink.text(_value(standing)), left=3)
    if verdict is not None:
        if verdict.effect is not None:
            ink.put(ink.text(f"{difference(verdict)}, ahead in {_wins(verdict)}"), left=3)
        ink.put(verdict_words(verdict, ink), left=3)


def _value(standing: ArmSummary | None) -> str:
    if standing is None:
        return ""
    broken = f"{standing.broken} of {standing.runs} broke down" if standing.broken else ""
    if standing.mean is None:
        return broken or "no value"
    return f"{mean(standing)}{', ' if broken else ''}{broken}"


def mean(standing: ArmSummary | None) -> str:
    """The objective with its interval."""
    if standing is None:
        return ""
    if standing.mean is None:
        return "broken down in every run"
    text = number(standing.mean)
    if standing.low is not None and standing.high is not None and math.isfinite(standing.low):
        text += f" ({number(standing.low)} to {number(standing.high)})"
    return text


def difference(verdict: Verdict | None) -> str:
    """The paired difference with its interval, in words."""
    if verdict is None or verdict.effect is None:
        return ""
    one = verdict.effect
    sign = "better" if one.mean > 0 else "worse" if one.mean < 0 else "the same"
    if one.mean == 0 and one.low == one.high:
        return "the same in every pair"
    size = f"{sign} by {number(abs(one.mean))}" if one.mean else sign
    ends = (one.low, one.high) if one.mean >= 0 else (-one.high, -one.low)
    inside = f" ({number(ends[0])} to {number(ends[1])})" if math.isfinite(one.low) else ""
    return size + inside


def _wins(verdict: Verdict | None) -> str:
    if verdict is None or verdict.effect is None:
        return ""
    return f"{verdict.effect.wins} of {verdict.effect.pairs} pairs"


def verdict_words(verdict: Verdict | None, ink: Style, *, compared: bool = False) -> Text:
    """The verdict's word with what must be said beside it, in its colour."""
    if verdict is None:
        return ink.text("")
    said = _WORDS.get(verdict.word, verdict.word) if compared else verdict.word
    more = ""
    if verdict.word == "undecided" and verdict.more_seeds:
        more = f": {count(verdict.more_seeds, 'more seed')}"
    if verdict.fresh:
        more = ", on fresh seeds"
    if verdict.word == "not run":
        more = f": {prose(verdict.text)}"
    parts: list[str | tuple[str, str]] = [(said + more, _STYLES.get(verdict.word, ""))]
    if verdict.new_findings:
        new = ", ".join(name(key, 30) for key in verdict.new_findings[:2])
        parts.append((f"\nnew: {new}", "yellow"))
    return ink.text(*parts)


def _placebo(found: Trial) -> str:
    verdict = found.verdict("placebo")
    if found.meta.get("repeatable", False):
        return "placebo: the script as it is, run again, gave the same losses to the last bit"
    if verdict is None:
        return "placebo: not run"
    return f"placebo: runs of this script differ by themselves; {verdict.word}"


def _patch(found: Cure, ink: Style) -> None:
    ink.put()
    ink.rule(ink.text(("The patch", "bold")), "dim")
    for line in found.diff.splitlines():
        style = "green" if line.startswith("+") else "red" if line.startswith("-") else "dim"
        ink.put(ink.text((_line(line), style)), left=1)
    ink.put(ink.text(("write it with --write; undo it with git or `patch -R -p1`", "dim")), left=1)


def _line(line: str) -> str:
    """Source keeps its indentation, and shows no control character."""
    inner = line.expandtabs(4)
    return "".join(char if char.isprintable() else "?" for char in inner)


def _by_hand(found: Cure, ink: Style) -> None:
    ink.put()
    if found.by_hand:
        ink.put(ink.text(("to do  ", "bold"), sentence(found.by_hand)), left=1)
        return
    text = "No simple patch of the source: make the change by hand, as `relume explain "
    edit = found.edit
    ink.put(ink.text((f"{text}{edit.fix if edit else ''}` says.", "dim")), left=1)


def _footer(trials: Sequence[Trial], ink: Style) -> None:
    if not trials:
        ink.put()
        return
    runs = len({(s.arm, s.seed) for each in trials for s in each.shots})
    took = sum(float(each.meta.get("seconds", 0.0)) for each in trials)
    ink.put()
    kept = place(str(trials[0].meta.get("kept_in", "")), 0)
    before = int(trials[-1].meta.get("resumed", 0))
    words = f"{count(runs, 'run')}, {before} of them from before" if before else count(runs, "run")
    ink.put(ink.text((f"{words}; {duration(took)}; kept in", "dim")))
    ink.put(ink.text((kept, "dim")))
    ink.put()
