"""Turns a stored result into a figure, verdicts, and sentences with their intervals.

The verdicts are the trial engine's: paired differences over seeds, their 95 % interval, corrected
for the number of arms that were compared. A run that did not arrive loses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from relume.atlas.experiment import Experiment
from relume.atlas.figure import Figure, Preset, Say, number
from relume.atlas.kinds.bars import Spot, bars
from relume.atlas.result_cache import stored_result
from relume.cards.timing import median_interval
from relume.core.trial import Arm, Effect, Objective, TrialRun, Verdict
from relume.trial.judge.verdict import NO_GAIN, PROVEN, WORSE, judge

FEWEST = 6
"""Seeds from which on the extremes hold the median at 95 %."""

SURE = {PROVEN: "surely better", WORSE: "surely worse"}


def median_intervals(result: Mapping[str, Any], column: str) -> dict[str, Spot]:
    """Return each arm's median and its 95 % interval, by the ranks of the seeds; None where a run
    did not arrive, as a median of the others would flatter the arm.

    One run that exploded moves a mean as far as it likes, and no median.
    """
    return {arm: _spot(runs[column]) for arm, runs in result["runs"].items()}


def _spot(values: Sequence[float | None]) -> Spot:
    known = [v for v in values if v is not None]
    if len(known) < len(values) or not known:
        return None, None, None
    if len(known) < FEWEST:
        return median(known), None, None
    return median(known), *median_interval(known)


def verdicts(experiment: Experiment, result: Mapping[str, Any]) -> list[Verdict]:
    """Return the trial engine's verdict on every arm against the arm it is compared with, on the
    objective; corrected for all comparisons of the experiment."""
    runs = {
        (arm, seed): TrialRun(arm, seed, value)
        for arm, columns in result["runs"].items()
        for seed, value in enumerate(columns[experiment.objective])
    }
    objective = Objective(experiment.unit, experiment.better, "reported")
    others = [arm for arm in experiment.arms if arm != experiment.base]
    judged: dict[str, Verdict] = {}
    for base in dict.fromkeys(against(experiment, arm) for arm in others):
        arms = [Arm(arm) for arm in others if against(experiment, arm) == base]
        seeds = range(result["seeds"])
        for one in judge(arms, base, runs, seeds, objective, tests=len(others)):
            lost = one.effect is not None and one.effect.diverged == (one.effect.pairs, 0)
            # arriving in no pair is worse, whatever value stands for not arriving
            judged[one.arm] = replace(one, word=WORSE) if lost else one
    return [judged[arm] for arm in others]


def against(experiment: Experiment, arm: str) -> str:
    """Return the arm that this one is compared with."""
    return experiment.against.get(arm, experiment.base)


def figure(experiment: Experiment) -> Figure | None:
    """Return the figure of the stored result; None where nothing is stored."""
    result = stored_result(experiment)
    if result is None:
        return None
    every = result["runs"]
    columns = {name: median_intervals(result, name) for name in experiment.columns}
    missing = {
        name: {arm: _missing(runs[name], experiment.unit) for arm, runs in every.items()}
        for name in experiment.columns
    }
    presets = [
        Preset("as measured", {}),
        Preset(f"against {_base(experiment)}", _against(experiment)),
    ]
    return bars(
        experiment.question,
        columns,
        _says(experiment, columns, verdicts(experiment, result)),
        labels=experiment.columns,
        words=experiment.arms,
        unit=experiment.unit,
        points={
            name: {arm: [v for v in runs[name] if v is not None] for arm, runs in every.items()}
            for name in experiment.columns
        },
        presets=presets,
        notes={"missing": missing, "source": source(experiment, result)},
    )


def _says(
    experiment: Experiment,
    columns: Mapping[str, Mapping[str, Spot]],
    judged: Sequence[Verdict],
) -> tuple[Say, ...]:
    """Return for the objective what was judged of it, for each other column its two ends."""
    says = [Say("All as multiples of {base}.", ("base", "!=", "none"))]
    for name, column in columns.items():
        condition = ("column", "==", name) if len(columns) > 1 else None
        if name == experiment.objective:
            says.append(Say(_headline(experiment, column, judged), condition))
            continue
        known = sorted((s[0], arm) for arm, s in column.items() if s[0] is not None)
        if not known:
            continue
        (least, first), (most, last) = known[0], known[-1]
        words = experiment.columns[name]
        text = f"Median {words}: {_shown(least, words)} with {experiment.arms[first]}"
        if last != first:
            text += f", {_shown(most, words)} with {experiment.arms[last]}"
        if (base := experiment.base) not in (first, last) and column[base][0] is not None:
            text += f"; {_shown(column[base][0] or 0.0, words)} with {experiment.arms[base]}"
        says.append(Say(f"{text}.", condition))
    return (*says, Say(experiment.question))


def _headline(experiment: Experiment, column: Mapping[str, Spot], judged: Sequence[Verdict]) -> str:
    """Return the verdicts on the objective in sentences: against each base what is surely better,
    what is surely worse, and what may be neither; each with its median."""
    words = experiment.columns[experiment.objective]

    def named(arm: str) -> str:
        value = column[arm][0]
        return experiment.arms[arm] + (f" ({_shown(value, words)})" if value is not None else "")

    lines = [f"Median {words}."]
    for base in dict.fromkeys(against(experiment, one.arm) for one in judged):
        groups: dict[str, list[str]] = {}
        for one in judged:
            if against(experiment, one.arm) == base:
                groups.setdefault(SURE.get(one.word, "no sure difference"), []).append(one.arm)
        order = [word for word in (*SURE.values(), "no sure difference") if word in groups]
        parts = [f"{word}: {', '.join(map(named, groups[word]))}" for word in order]
        lines.append(f"Against {named(base)} {'; '.join(parts)}.")
    return " ".join(lines)


def _shown(value: float, words: str) -> str:
    """Return a number as the drawing writes it: shares and errors as percentages."""
    share = ("share" in words or "error" in words) and not words.startswith("steps")
    return f"{number(100 * value)} %" if share else number(value)


def _base(experiment: Experiment) -> str:
    return experiment.arms[experiment.base]


def _against(experiment: Experiment) -> dict[str, float | str]:
    return {"base": experiment.base}


def _missing(values: Sequence[float | None], unit: str) -> str:
    lost = sum(value is None for value in values)
    if not lost:
        return ""
    if unit != "steps":
        return "not measured"
    some = "none" if lost == len(values) else f"only {len(values) - lost}"
    return f"{some} of {len(values)} runs arrived"


def source(experiment: Experiment, result: Mapping[str, Any]) -> list[str]:
    """Return how it was measured in short lines: setting, seeds, rates, versions, machine."""
    seeds = f"{result['seeds']} seeds"
    if result["rates"]:
        own = ", ".join(f"{r:g} for {experiment.arms[a]}" for a, r in result["rates"].items())
        seeds += (
            f"; each arm at the best of {len(experiment.rates)} learning rates, found on other "
        )
        seeds += f"seeds: {own}"
    versions = ", ".join(f"{name} {which}" for name, which in result["versions"].items())
    where = "this machine" if result.get("here") else "the machine this package was measured on"
    machine = result["machine"]
    return [
        f"{experiment.setting[:1].upper()}{experiment.setting[1:]}.",
        f"{seeds}. Bars are medians, whiskers their 95 % intervals, dots the seeds.",
        f"Measured on {where}: {machine['cpu']}, {machine['system']}; {versions}.",
    ]


def sentences(experiment: Experiment, result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return for each arm a word and a sentence: the paired difference and its interval."""
    unit = f" {experiment.unit}" if experiment.unit else ""
    times = 1 if unit else 100
    lines: list[tuple[str, str]] = []
    for verdict in verdicts(experiment, result):
        name, base = (experiment.arms[a] for a in (verdict.arm, against(experiment, verdict.arm)))
        effect = verdict.effect
        if effect is None:
            lines.append((verdict.word, f"{name}: {verdict.text}"))
        elif effect.diverged == (effect.pairs, 0):
            text = f"{name} did not arrive in any of {effect.pairs} pairs in which {base} did."
            lines.append((verdict.word, text))
        elif effect.low == effect.high == 0:
            lines.append((NO_GAIN, f"{name} against {base}: no difference in any pair."))
        else:
            text = f"{name} against {base}: {_size(effect, unit or ' points', times)}; "
            text += f"ahead in {effect.wins} of {effect.pairs} pairs."
            arm_lost, base_lost = effect.diverged
            if arm_lost:
                text += f" {name} did not arrive in {arm_lost} of them."
            if base_lost:
                text += f" {base} did not arrive in {base_lost} of them."
            lines.append((verdict.word, text))
    return lines


def _size(effect: Effect, unit: str, times: float) -> str:
    """Return the mean difference and its interval in words; shares as points of a per cent."""
    mean, low, high = (times * v for v in (effect.mean, effect.low, effect.high))
    if low * high > 0:
        side = "better" if mean > 0 else "worse"
        low, high = sorted((abs(low), abs(high)))
        return f"{side} by {number(abs(mean))}{unit} ({number(low)} to {number(high)})"
    return f"a difference of {number(mean)}{unit} ({number(low)} to {number(high)}): maybe none"
