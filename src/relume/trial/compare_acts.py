"""Compares acts in the user's own training on paired seeds: `relume compare`.

Every arm is the unmodified program with its hidden acts swapped and the layers before them drawn
at the new act's gain. So an arm differs from the program in two factors, the act and the
initialisation. The control arm tells them apart: the program's own acts, with the same layers drawn
anew at their gain. It always runs. Acts are judged against the control (factor *act*), the control
against the program as it is (factor *init*). Learning rates are tuned for all arms alike, on
separate seeds, or for none; where they are tuned, the program at its tuned rate is an arm too
(factor *rate*), and the control is judged against that.

All acts are judged together, so a gain of one needs more pairs the more acts there are: five for
one act, seven for six (`seeds_for`).

Where no layer can be drawn anew (they are pretrained, or a norm layer follows), the control is not
run and acts are judged against the program as it is: no arm draws anything then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from relume.core import Value
from relume.core.plural import count
from relume.core.trial import Arm, Edit, Trial
from relume.errors import UsageError
from relume.fixes.architecture.swap_act import PAIRED, PIECES, find
from relume.record.store import run_file
from relume.trial.act_times import step_times
from relume.trial.hidden_acts import hidden_acts
from relume.trial.judge.arm_summary import arm_summaries
from relume.trial.judge.objective import revalue
from relume.trial.judge.paired_tests import LEVEL, sign_needed
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
RATE, CONTROL = "rate", "own acts redrawn"  # names of arms
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
    seeds: int | None = None,
    tune: str = "",
    goal: float | None = None,
    equal_parameters: bool = False,
    announce: Announce = lambda text: None,
) -> Trial:
    """Compare acts in a program's hidden layers.

    Args:
        runner: runs the arms.
        acts: names of acts.
        seeds: paired runs for each act; None: as many as can show a gain (`seeds_for`).
        tune: ``"lr"`` tunes the learning rate for every arm alike, the base included.
        goal: report the first step at this loss; by default the base's after half of its steps.
        equal_parameters: maxout and gated units have half the units, and no parameter more.
        announce: gets each new phase, in words.

    Raises:
        UsageError: an unknown act, or a program without a hidden act.
    """
    began = perf_counter()
    announce("running the script as it is")
    trace = run_file.read(recorded_arm(runner))
    sites = hidden_acts(trace)
    if not sites:
        raise UsageError(
            "no hidden activation function was seen in this run (gates and attention are none); "
            "nothing to compare."
        )
    check_judgeable(runner)
    own = tuple(dict.fromkeys(site.act for site in sites))
    names = tuple(site.name for site in sites)
    base = replace(BASE, text=f"{' and '.join(own)} (the script as it is)")
    control = control_arm(own, names)
    wanted = check_acts(acts, equal_parameters=equal_parameters)
    arms = [_act_arm(act, names, equal_parameters) for act in wanted if (act,) != own]
    seeds = seeds_for(len(arms)) if seeds is None else seeds
    rated, tuned = base, list[TunedRate]()
    if tune:
        announce("tuning the learning rate of every arm alike")
        rated, (control, *arms), tuned = tune_rates(runner, base, [control, *arms])
        rated = replace(rated, name=RATE, role="candidate")
    shown = [base, *([rated] if tune else []), control, *arms]
    announce(
        f"comparing {count(len(arms), 'act')} with {' and '.join(own)}, its weights drawn anew too"
    )
    runner.run(shown, range(seeds))
    objective, why = fit_objective(runner, shown)
    factors = _factors(runner, shown, control, rated, range(seeds))
    runs = {
        (name, seed): run
        for (name, seed), run in revalue(runner.runs, objective).items()
        if seed < seeds and name != PLACEBO.name  # the others tuned a rate, or were of `relume fix`
    }
    verdicts = [
        verdict
        for _, reference, some in factors
        for verdict in judge_arms(runner, some, reference, range(seeds), objective)
    ]
    standings = arm_summaries(shown, runs, objective, goal)
    return Trial(
        f"which act in the hidden layers, instead of {' and '.join(own)}?",
        objective,
        tuple(shown),
        tuple(runs.values()),
        tuple(verdicts),
        step_times(standings, trace, {arm.name: _act_of(arm) for arm in arms}),
        trial_meta(runner, seeds, why, began)
        | {
            "own": list(own),
            "sites": list(names),
            "tuned": {one.arm: one.factor for one in tuned},
            "tunings": TUNINGS if tune else 0,
            "control": control.name,
            "too few": too_few(len(arms), seeds),
            "factors": {
                arm.name: {"factor": factor, "against": reference.name}
                for factor, reference, some in factors
                for arm in some
            },
        },
    )


def seeds_for(acts: int) -> int:
    """Return the pairs with which a gain of one of so many acts can be shown, `SEEDS` at least.

    >>> seeds_for(1), seeds_for(6), seeds_for(12)
    (5, 7, 8)
    """
    return max(SEEDS, sign_needed(LEVEL / max(acts, 1)))


def too_few(acts: int, seeds: int) -> str:
    """Return what so few pairs cannot show, in a sentence; ``""`` where they are enough."""
    needed = sign_needed(LEVEL / max(acts, 1))
    if seeds >= needed:
        return ""
    many = "one act" if acts == 1 else f"one of {acts} acts"
    return f"with {seeds} pairs no gain of {many} can be proven at 5 %; {needed} are needed."


def _factors(
    runner: TrialRunner, shown: Sequence[Arm], control: Arm, rated: Arm, seeds: range
) -> list[tuple[str, Arm, list[Arm]]]:
    """Return each factor with the arm that is compared with, and the arms that differ by it."""
    acts = [arm for arm in shown if arm.name not in (BASE.name, RATE, control.name)]
    redrawn = any(
        not run.unlaid
        for (name, seed), run in runner.runs.items()
        if name == control.name and seed in seeds
    )
    rate = [("rate", shown[0], [rated])] if rated.name == RATE else []
    init = ("init", rated, [control])
    return [*rate, init, ("act", control if redrawn else rated, acts)]


def check_acts(acts: Sequence[str], *, equal_parameters: bool = False) -> list[str]:
    """Return the names of acts that can stand in a hidden layer, each once; gated units can where
    the parameters are to be equal.

    Raises:
        UnknownNameError: an unknown act.
        UsageError: no act, or an act that is not one of single units.
    """
    names = list(dict.fromkeys(act.strip() for act in acts if act.strip()))
    if not names:
        raise UsageError("name acts to compare, such as --acts relu,leaky_relu,gelu.")
    for name in names:
        act = find(name)
        if act.family == "gated" and not equal_parameters:
            raise UsageError(
                f"{name} is no act of one unit; with --equal-parameters it takes two units for one."
            )
        if not (act.elementwise or act.family in PAIRED):
            raise UsageError(f"{name} is no act of one unit; it cannot stand for another.")
    return names


def control_arm(own: Sequence[str], sites: tuple[str, ...]) -> Arm:
    """Make the control: the program's own acts, with the layers that feed them drawn anew."""
    edit = Edit("matching-init", {}, sites, "weights drawn anew at the gain of the act")
    name = own[0] if len(own) == 1 else CONTROL
    return Arm(name, (edit,), text=f"{' and '.join(own)}, weights drawn anew")


def _act_arm(act: str, sites: tuple[str, ...], equal_parameters: bool) -> Arm:
    """Make the arm of an act; every arm draws the same layers anew: those that feed hidden acts."""
    options: dict[str, Value] = {"act": act, "init": "match"}
    text = act
    if find(act).family in PAIRED:
        text = f"{act}, {PIECES} pieces a unit"
        if equal_parameters:
            options, text = options | {"units": "half"}, f"{act}, half the units"
    return Arm(act, (Edit("swap-act", options, sites, text=f"{act} with its init"),), text=text)


def _act_of(arm: Arm) -> str:
    return str(arm.edits[0].options.get("act", ""))


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
