"""Says before the first run how often a trial will run the program, and what of it is real."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from relume.trial.judge.paired_tests import fresh_pairs
from relume.trial.paired_trial import MOST_FRESH, PLACEBO_RUNS
from relume.trial.runner.outside import real_effects
from relume.trial.scheduler import TrialSetting


def runs_of_compare(acts: int, seeds: int, tunings: int) -> int:
    """Return the runs of a comparison: each arm, the program and the control at each seed."""
    arms = acts + 2
    return 1 + seeds * (arms + bool(tunings)) - 1 + tunings * arms


def runs_of_prove(seeds: int) -> tuple[int, int]:
    """Return the fewest and the most runs of one edit: the choice, the placebo, the fresh pairs."""
    most_fresh = max(MOST_FRESH * seeds, fresh_pairs(seeds, 1))
    return 2 * 2 + PLACEBO_RUNS, 2 * seeds + PLACEBO_RUNS + 2 * most_fresh


def plan_lines(setting: TrialSetting, runs: str, known: Sequence[float] = ()) -> list[str]:
    """Return the plan in a sentence or two.

    Args:
        setting: of the trial.
        runs: how many, in words: ``"45 times"``, ``"5 to 51 times"``.
        known: seconds of runs of the program that were made before.
    """
    program = Path(setting.program.target).name
    many = f"{program} will run {runs}"
    count = setting.where.count()
    once = runs == "once"
    if count > 1 and not once:
        many += f", {count} at a time"
    time = f", {'' if once else 'each run '}as long as it takes by itself"
    if known:
        time = f"; it took {max(known):.3g} s before"
    each = "its files" if once else "in each its files"
    lines = [f"{many}{time}; {each} are held back, and stdin is empty."]
    effects = real_effects(Path(setting.program.target))
    if effects:
        lines.append(
            f"{program} uses {effect_words(effects)}: what it does there is real, each time."
        )
    return lines


def effect_words(effects: Mapping[str, Sequence[str]]) -> str:
    """Return what a program uses, in words.

    >>> effect_words({"processes": ["subprocess"], "trackers": ["wandb"]})
    'processes (subprocess), trackers (wandb; they are switched off)'
    """
    off = {"trackers": "; they are switched off"}
    return ", ".join(
        f"{kind} ({', '.join(names[:3])}{off.get(kind, '')})" for kind, names in effects.items()
    )


def needs_consent(setting: TrialSetting) -> bool:
    """Whether the program does something real that relume does not hold back."""
    return bool(real_effects(Path(setting.program.target)).keys() - {"trackers"})
