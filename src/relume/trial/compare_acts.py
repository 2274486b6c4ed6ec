"""Compares acts in the user's own training on paired seeds: `relume compare`.

Every arm is the unmodified program with its hidden acts swapped and the layers before them drawn
at the new act's gain. The base is the program as it is. Its own act with matching weights is an
arm too, which separates the effect of an initialisation from that of an act. Learning rates are
tuned for all arms alike, on separate seeds, or for none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from relume.core.trial import Arm, Edit, Trial
from relume.errors import UsageError
from relume.fixes.architecture.swap_act import PIECES, find
from relume.record.store import run_file
from relume.trial.judge.arm_summary import arm_summaries
from relume.trial.judge.objective import revalue
from relume.trial.paired_trial import (
    BASE,
    PLACEBO,
    SEEDS,
    Announce,
    check_judgeable,
    fit_objective,
    judge_arms,
    recorded_arm,
    trial_meta,
)
from relume.trial.scheduler import TrialRunner

ACTS = ("relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "maxout")
TUNINGS = 8  # learning rates tried for each arm
TUNED_AT = 100_000  # seed of the tuning runs: none of the seeds that judge
SPAN = (0.03, 30.0)  # factors of the script's own rate: three decades around it


@dataclass(frozen=True, slots=True)
class TunedRate:
    """The best learning rate of an arm: its factor, how many were tried, and its loss."""

    arm: str
    factor: float
    tried: int
    value: float | None


def compare(
    runner: TrialRunner,
    acts: Sequence[str] = ACTS,
    *,
    seeds: int = SEEDS,
    tune: str = "",
    goal: float | None = None,
    announce: Announce = lambda text: None,
) -> Trial:
    """Compare acts in a program's hidden layers.

    Args:
        runner: runs the arms.
        acts: names of acts.
        seeds: paired runs for each act.
        tune: ``"lr"`` tunes the learning rate for every arm alike, the base included.
        goal: report the first step at this loss; by default the base's after half of its steps.
        announce: gets each new phase, in words.

    Raises:
        UsageError: an unknown act, or a program without a hidden act.
    """
    began = perf_counter()
    announce("running the script as it is")
    trace = run_file.read(recorded_arm(runner))
    sites = trace.sites_of("act", "hidden")
    if not sites:
        raise UsageError("no hidden activation function was seen in this run; nothing to compare.")
    check_judgeable(runner)
    own = tuple(dict.fromkeys(site.act for site in sites))
    arms = [_arm(act, own, tuple(site.name for site in sites)) for act in check_acts(acts)]
    base, tuned = replace(BASE, text=f"{' and '.join(own)} (the script as it is)"), []
    if tune:
        announce("tuning the learning rate of every arm alike")
        base, arms, tuned = tune_rates(runner, base, arms)
        runner.forget(base.name)
    announce(f"comparing {len(arms)} acts with {' and '.join(own)}")
    runner.run([base, *arms], range(seeds))
    objective, why = fit_objective(runner, [base, *arms])
    runs = {
        (name, seed): run
        for (name, seed), run in revalue(runner.runs, objective).items()
        if seed < seeds and name != PLACEBO.name  # the others tuned a rate, or were of `relume fix`
    }
    return Trial(
        f"which act in the hidden layers, instead of {' and '.join(own)}?",
        objective,
        (base, *arms),
        tuple(runs.values()),
        tuple(judge_arms(runner, arms, base, range(seeds), objective)),
        arm_summaries([base, *arms], runs, objective, goal),
        trial_meta(runner, seeds, why, began)
        | {
            "own": list(own),
            "sites": [site.name for site in sites],
            "tuned": {one.arm: one.factor for one in tuned},
            "tunings": TUNINGS if tune else 0,
        },
    )


def check_acts(acts: Sequence[str]) -> list[str]:
    """Return the names of acts that can stand in a hidden layer, each once.

    Raises:
        UnknownNameError: an unknown act.
        UsageError: no act, or an act that is not one of single units.
    """
    names = list(dict.fromkeys(act.strip() for act in acts if act.strip()))
    if not names:
        raise UsageError("name acts to compare, such as --acts relu,leaky_relu,gelu.")
    for name in names:
        act = find(name)
        if act.family == "gated" or not (act.elementwise or act.family == "maxout"):
            raise UsageError(f"{name} is no act of one unit; it cannot stand for another.")
    return names


def _arm(act: str, own: tuple[str, ...], sites: tuple[str, ...]) -> Arm:
    """Make the arm of an act; every arm draws the same layers anew: those that feed hidden acts."""
    if own == (act,):
        edit = Edit("matching-init", {}, sites, "weights drawn anew at the gain of the act")
        return Arm(act, (edit,), text=f"{act}, weights drawn anew")
    edit = Edit("swap-act", {"act": act, "init": "match"}, sites, text=f"{act} with its init")
    text = f"{act}, {PIECES} pieces a unit" if find(act).family == "maxout" else act
    return Arm(act, (edit,), text=text)


# ---------------------------------------------------------------------- learning rates


def tune_rates(
    runner: TrialRunner, base: Arm, arms: Sequence[Arm]
) -> tuple[Arm, list[Arm], list[TunedRate]]:
    """Give each arm, the base included, the best of `TUNINGS` learning rates.

    All arms get the same sampler from the same seed and the same number of tries, the script's own
    rate first.

    Raises:
        UsageError: optuna is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise UsageError(
            "--tune needs optuna; install it with: pip install 'relume[tune]'."
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    studies: dict[str, Any] = {}
    for arm in (base, *arms):
        sampler = optuna.samplers.TPESampler(seed=0, n_startup_trials=TUNINGS // 2)
        goal = "minimize" if _better(runner) == "min" else "maximize"
        studies[arm.name] = optuna.create_study(direction=goal, sampler=sampler)
        studies[arm.name].enqueue_trial({"factor": 1.0})
    for _ in range(TUNINGS):
        asked = {
            arm.name: studies[arm.name].ask(
                {"factor": optuna.distributions.FloatDistribution(*SPAN, log=True)}
            )
            for arm in (base, *arms)
        }
        tried = [at_rate(arm, asked[arm.name].params["factor"]) for arm in (base, *arms)]
        runner.run(tried, [TUNED_AT])
        for arm, rated_arm in zip((base, *arms), tried, strict=True):
            run = runner.runs[rated_arm.name, TUNED_AT]
            value = None if run.diverged else run.value
            state = optuna.trial.TrialState
            studies[arm.name].tell(
                asked[arm.name], value, state=state.FAIL if value is None else state.COMPLETE
            )
    done = {name: _best(name, study) for name, study in studies.items()}
    rated = [replace(at_rate(arm, done[arm.name].factor), name=arm.name) for arm in arms]
    first = replace(at_rate(base, done[base.name].factor), name=base.name)
    return first, rated, list(done.values())


def at_rate(arm: Arm, factor: float) -> Arm:
    """Return the arm with its learning rate times `factor`."""
    factor = float(f"{factor:.3g}")
    if factor == 1.0:
        return replace(arm, name=f"{arm.name} x1")
    edit = Edit("lower-learning-rate", {"factor": factor}, text=f"learning rate times {factor:g}")
    text = f"{arm.text}, lr x {factor:g}"
    return Arm(f"{arm.name} x{factor:g}", (*arm.edits, edit), arm.role, text)


def _best(name: str, study: Any) -> TunedRate:
    done = [t for t in study.trials if t.value is not None]
    if not done:
        return TunedRate(name, 1.0, len(study.trials), None)
    return TunedRate(name, study.best_params["factor"], len(study.trials), study.best_value)


def _better(runner: TrialRunner) -> str:
    return runner.setting.objective.better if runner.setting.objective is not None else "min"
