"""Prints trials: each tried edit with its interval, against the script as it is."""

import math
from collections.abc import Callable, Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from relume.core import Finding
from relume.core.jsonable import printable
from relume.core.plural import count
from relume.core.trial import Arm, ArmSummary, Cure, Trial, Verdict
from relume.report.terminal.root_cause import message
from relume.report.terminal.style import Style
from relume.report.words.compared_word import compared_word
from relume.report.words.sanitise import (
    duration,
    name,
    number,
    place,
    prose,
    sentence,
    share,
)

_STYLES = {
    "proven": "bold green",
    "worse": "bold red",
    "undecided": "yellow",
    "better on training only": "bold yellow",
    "no better than chance": "yellow",
    "symptom gone, no measurable gain": "cyan",
    "no proven gain": "dim",
    "not run": "dim",
}


def cure(result: Cure, console: Console, *, diff: bool = True, verbose: bool = False) -> None:
    """Print what `relume fix` reports: the cause, the tried edits, the patch, the verdict last."""
    style = Style(console)
    if result.root is not None:
        _cause(result.root, style)
    for same_objective in _by_objective(result.trials):
        style.put()
        table(same_objective, "What was tried", style, fold=not verbose)
    if result.taught:
        style.put()
        style.rule(style.text(("What the trials taught", "bold")), "dim")
        for line in result.taught:
            style.put(style.text(sentence(line)), left=1)
    if result.advice and not result.edits:
        style.put()
    for edit in () if result.edits else result.advice:
        style.put(style.text(("by hand  ", "bold"), sentence(edit.text), ("  not tried", "dim")))
    if result.diff and diff:
        _patch(result, style)
    elif result.edits and not result.diff:
        _by_hand(result, style)
    _footer(result.trials, style)
    _verdict(result, style)


def trial(trial: Trial, console: Console) -> None:
    """Print what `relume prove` reports: one trial."""
    style = Style(console)
    style.put()
    table((trial,), trial.question[:1].upper() + trial.question[1:], style)
    _footer((trial,), style)


def _verdict(result: Cure, style: Style) -> None:
    words = prose(result.diagnosis.outcome.text)
    if result.edits and result.verdict is not None:
        sign, tone, claim = "✓", "bold green", f"Proven: {prose(result.text)}."
        words = _from_to(result.trials, result.verdict)
    elif result.word == "not cured":
        sign, tone = "✗", "bold red"
        count_ = sum(arm.role == "candidate" for arm in _first_arms(result))
        claim = f"Not cured: it has not learned, and none of {count(count_, 'repair')} helped."
        if not count_:
            claim = "Not cured: it has not learned, and relume knows nothing to try."
        words = sentence(result.fails)
        if (only := _training_only(result)) is not None:
            claim = "Not cured: what lowers the training loss makes held-out rows worse."
            words = prose(only.text)
    elif result.word == "nothing to fix":
        sign, tone, claim = "✓", "bold green", "Nothing to fix."
    else:
        sign, tone, claim = "?", "bold yellow", "Leave it: it learns, and no repair shows a gain."
        if len(result.trials) == 1 and any(
            v.word == "ahead at one seed" for v in result.trials[0].verdicts
        ):
            codes = ",".join(dict.fromkeys(f.code for f in result.diagnosis.roots))
            claim = "Leave it: it learns, no rule warns, and no repair halves the loss"
            claim += f" (--select {codes} tries for less)." if codes else "."
        if any(v.word == "undecided" for t in result.trials for v in t.verdicts):
            claim = "Undecided: no repair is proven yet."
    style.put(style.text((f"{style.sign(sign)} relume fix: {claim}", tone), " ", words))


def _training_only(result: Cure) -> Verdict | None:
    """The verdict on a repair that is better on training only, if there is one."""
    verdicts = (v for each in result.trials for v in each.verdicts)
    return next((v for v in verdicts if v.word == "better on training only"), None)


def _first_arms(result: Cure) -> tuple[Arm, ...]:
    return result.trials[0].arms if result.trials else ()


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


def _cause(root: Finding, style: Style) -> None:
    style.put()
    style.rule(
        style.text((f"{root.code} ", "bold"), (root.name, "bold yellow")), "yellow", heavy=True
    )
    style.put(style.text((message(root), "bold")), left=3)
    where = place(root.file, root.line)
    if where:
        style.put(style.text((where, "cyan")), left=3)


def _by_objective(trials: Sequence[Trial]) -> list[list[Trial]]:
    """Group the trials that share an objective, so that they share a table."""
    return [
        list(same_objective)
        for _, same_objective in groupby(trials, key=lambda each: each.objective)
    ]


def table(trials: Sequence[Trial], title: str, style: Style, *, fold: bool = False) -> None:
    """Print trials of one objective: a row for each arm with its value, difference and verdict.

    With `fold` those that did nothing at one seed share a line, and those that found nothing to
    change.
    """
    first, last = trials[0], trials[-1]
    direction = "lower" if first.objective.better == "min" else "higher"
    style.rule(style.text((prose(title), "bold")), "dim")
    head = f"{first.objective.name}, {direction} is better; mean and 95 % interval; "
    head += "differences by pair"
    style.put(style.text((head, "dim")), left=1)
    why = str(first.meta.get("why_objective") or "")
    if why and why != "as asked":
        style.put(style.text((f"judged by it because {why}", "dim")), left=1)
    # the base's runs grow from trial to trial: the last one has all of them
    rows = [(last, arm) for arm in last.arms if arm.role == "base"]
    rows += [(each, arm) for each in trials for arm in each.arms if arm.role == "candidate"]
    idle = [arm for each, arm in rows if _did_nothing(each, arm)]
    unlaid = [arm for each, arm in rows if _was_unlaid(each, arm)]
    folded = [arm for some in (idle, unlaid) if fold and len(some) > 1 for arm in some]
    rows = [(each, arm) for each, arm in rows if arm not in folded]
    if style.width < 100:
        for each, arm in rows:
            _stacked(each, arm, style)
    else:
        style.put(_columns(rows, style), left=1)
    for some, what in ((idle, "no gain at one seed"), (unlaid, "found nothing to change")):
        if fold and len(some) > 1:
            words = "; ".join(prose(arm.text or arm.name) for arm in some)
            style.put(style.text((f"{what} (--verbose lists them): ", "bold"), words), left=1)
    style.put(style.text((_placebo(last), "dim")), left=1)
    for line in evidence_lines(last, without=folded):
        style.put(style.text((line, "dim")), left=1)


def _did_nothing(trial: Trial, arm: Arm) -> bool:
    verdict = trial.verdict(arm.name)
    return verdict is not None and verdict.word == "no gain at one seed"


def _was_unlaid(trial: Trial, arm: Arm) -> bool:
    return any(shot.unlaid for shot in trial.shots_of(arm.name))


def _columns(rows: Sequence[tuple[Trial, Arm]], style: Style) -> Table:
    """Return the rows in columns that share the width, so that several tables align."""
    columns = Table.grid(padding=(0, 2, 0, 0), expand=True)
    for ratio in (27, 23, 27, 10, 20):
        columns.add_column(ratio=ratio, overflow="fold")
    for trial, arm in rows:
        summary, verdict = trial.standing(arm.name), trial.verdict(arm.name)
        columns.add_row(
            style.text((name(arm.text or arm.name), "bold" if arm.role == "base" else "")),
            style.text(_value(summary)),
            style.text(difference(verdict)),
            style.text(_wins(verdict)),
            verdict_words(verdict, style),
        )
    return columns


def _stacked(trial: Trial, arm: Arm, style: Style) -> None:
    summary, verdict = trial.standing(arm.name), trial.verdict(arm.name)
    style.put(style.text((prose(arm.text or arm.name), "bold")), left=1)
    style.put(style.text(_value(summary)), left=3)
    if verdict is not None:
        if verdict.effect is not None:
            style.put(style.text(f"{difference(verdict)}, ahead in {_wins(verdict)}"), left=3)
        style.put(verdict_words(verdict, style), left=3)


def _value(summary: ArmSummary | None) -> str:
    if summary is None:
        return ""
    broken = f"{summary.broken} of {summary.runs} broke down" if summary.broken else ""
    if summary.mean is None:
        return broken or "no value"
    return f"{mean(summary)}{', ' if broken else ''}{broken}"


def mean(summary: ArmSummary | None) -> str:
    """Return the objective with its interval."""
    if summary is None:
        return ""
    if summary.mean is None:
        return "broken down in every run"
    text = number(summary.mean)
    if summary.low is not None and summary.high is not None and math.isfinite(summary.low):
        text += f" ({number(summary.low)} to {number(summary.high)})"
    return text


def difference(verdict: Verdict | None) -> str:
    """Return the paired difference with its interval, in words."""
    if verdict is None or verdict.effect is None:
        return ""
    one = verdict.effect
    arm_broken, base_broken = one.broken
    if arm_broken != base_broken and not math.isfinite(one.low):
        return f"broke down in {arm_broken} of {one.pairs}, before in {base_broken}"
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


def verdict_words(verdict: Verdict | None, style: Style, *, compared: bool = False) -> Text:
    """Return the verdict's word and what qualifies it, in its colour."""
    if verdict is None:
        return style.text("")
    word = compared_word(verdict.word) if compared else verdict.word
    more = ""
    if verdict.word == "undecided" and verdict.more_seeds:
        more = f": {count(verdict.more_seeds, 'more seed')}"
    if verdict.fresh:
        more = ", on fresh seeds"
    if verdict.word == "not run":
        more = f": {prose(verdict.text)}"
    parts: list[str | tuple[str, str]] = [(word + more, _STYLES.get(verdict.word, ""))]
    if verdict.new_findings:
        new = ", ".join(name(key, 30) for key in verdict.new_findings[:2])
        parts.append((f"\nnew: {new}", "yellow"))
    return style.text(*parts)


def _placebo(trial: Trial) -> str:
    verdict = trial.verdict("placebo")
    if trial.meta.get("repeatable", False):
        return "placebo: the script as it is, run again, gave the same losses to the last bit"
    if verdict is None:
        return "placebo: not run"
    return f"placebo: runs of this script differ by themselves; {verdict.word}"


def evidence_lines(trial: Trial, without: Sequence[Arm] = ()) -> list[str]:
    """Return what the trial could have seen, and what its runs printed on held-out rows."""
    hidden = {arm.name for arm in without}
    lines = [str(few)] if (few := trial.meta.get("too few")) else []
    judged = [v for v in trial.verdicts if v.effect is not None and v.arm != "placebo"]
    seen = [v.visible for v in judged if v.visible is not None]
    powers = [round(v.power, 2) for v in judged if v.power is not None]
    least = [v.least for v in judged if v.least is not None]
    if seen and least and powers:
        pairs = sorted({v.effect.pairs for v in judged if v.effect is not None})
        spoken = " or ".join(map(str, pairs))
        lines.append(
            f"with {spoken} pairs a difference of {extent(seen, number)} shows in 80 % of trials; "
            f"the least worth a change, {number(max(least))} (--least), in {extent(powers, share)}"
        )
    names = dict.fromkeys(name for one in trial.standings for name in one.held_out)
    for held in list(names)[:2]:
        values = [
            f"{arm_words(trial, one.arm)} {number(one.held_out[held])}"
            for one in trial.standings
            if held in one.held_out and one.arm not in hidden
        ]
        lines.append(f"{name(held)} at the end: {'; '.join(values)}")
    if names and trial.objective.source == "loss":
        lines.append(f"judge by it: --metric 'validation:{name(next(iter(names)))}'")
    return lines


def extent(values: Sequence[float], words: Callable[[float], str]) -> str:
    """Return the smallest and the largest value in words, or the one that there is.

    >>> extent([2, 1, 3], str), extent([2], str)
    ('1 to 3', '2')
    """
    ends = dict.fromkeys((words(min(values)), words(max(values))))
    return " to ".join(ends)


def arm_words(trial: Trial, arm: str) -> str:
    """Return the arm in words; its text says where its weights were drawn anew."""
    return name(next((a.text for a in trial.arms if a.name == arm and a.text), arm), 60)


def _patch(result: Cure, style: Style) -> None:
    style.put()
    style.rule(style.text(("The patch", "bold")), "dim")
    for line in result.diff.splitlines():
        tone = "green" if line.startswith("+") else "red" if line.startswith("-") else "dim"
        style.put_whole(style.text((_line(line), tone)))  # a patch is neither wrapped nor indented
    style.put(style.text((sentence(result.patch_text), "dim")))
    words = "write it with --write; undo that with: relume fix --undo"
    style.put(style.text((words, "dim")))


def _line(line: str) -> str:
    """Return a line of source without control characters; its tabs stay, for `git apply`."""
    return "\t".join(printable(part) for part in line.split("\t"))


def _by_hand(result: Cure, style: Style) -> None:
    style.put()
    if result.by_hand:
        style.put(style.text(("to do  ", "bold"), sentence(result.by_hand)), left=1)
        return
    text = "No simple patch of the source: make the change by hand, as `relume explain "
    names = "`, `relume explain ".join(edit.fix for edit in result.edits)
    style.put(style.text((f"{text}{names}` says.", "dim")), left=1)


def _footer(trials: Sequence[Trial], style: Style) -> None:
    if not trials:
        style.put()
        return
    seconds = sum(float(each.meta.get("seconds", 0.0)) for each in trials)
    style.put()
    folder = place(str(trials[0].meta.get("kept_in", "")), 0)
    resumed = int(trials[-1].meta.get("resumed", 0))
    made = trials[-1].meta.get("executed")
    runs = len({(s.arm, s.seed) for each in trials for s in each.shots}) if made is None else made
    words = count(int(runs), "run")
    if resumed:
        words += f", and {resumed} that were kept from before"
    style.put(style.text((f"{words}; {duration(seconds)}; kept in", "dim")))
    style.put(style.text((folder, "dim")))
