"""`relume compare`: other acts in the user's own training, against its own, on paired seeds.

Every arm is the unmodified program with its hidden acts swapped and the layers before them drawn
at the new act's gain. The program as it is, is the base; its own act with matching weights is an
arm too, so that what an initialisation does is not taken for what an act does. Learning rates are
tuned for all arms alike, on seeds of their own, or for none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from relume.core import Trace
from relume.core.trial import Arm, Edit, Objective, Trial, Verdict
from relume.errors import UsageError
from relume.fixes.architecture.swap_act import PIECES, find
from relume.record.store import run_file
from relume.trial.judge.arm_summary import arm_summaries
from relume.trial.judge.objective import fitting_objective, incomparable_arms, revalue
from relume.trial.judge.verdict import NOT_RUN, judge
from relume.trial.paired_trial import BASE, SEEDS, first_look, recorded_arm, versions
from relume.trial.scheduler import TrialRunner

ACTS = ("relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "maxout")
TUNINGS = 8  # learning rates tried for each arm
TUNED_AT = 100_000  # repetition of the tuning runs: none of the seeds that judge
SPAN = (0.03, 30.0)  # factors of the script's own rate: three decades around it
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Tuned:
    """An arm's learning rate: the factor that did best, of how many, and its loss."""

    arm: str
    factor: float
    tried: int
    value: float | None


def compare(
    crew: TrialRunner,
    acts: Sequence[str] = ACTS,
    *,
    seeds: int = SEEDS,
    tune: str = "",
    goal: float | None = None,
    told: Told = lambda text: None,
) -> Trial:
    """Compare acts in a program's hidden layers.

    Args:
        crew: fires the shots.
        acts: names of acts.
        seeds: pairs.
        tune: ``"lr"`` tunes the learning rate for every arm alike, the base included.
        goal: the loss whose first step is told; by default the base's after half of its steps.
        told: hears what begins, in words.

    Raises:
        UsageError: an unknown act, or a program without a hidden act.
    """
    began = perf_counter()
    told("running the script as it is")
    trace = _traced(crew)
    sites = trace.sites_of("act", "hidden")
    if not sites:
        raise UsageError("no hidden activation function was seen in this run; nothing to compare.")
    first_look(crew)
    own = tuple(dict.fromkeys(site.act for site in sites))
    arms = [_arm(act, own, tuple(site.name for site in sites)) for act in check_acts(acts)]
    base, tuned = replace(BASE, text=f"{' and '.join(own)} (the script as it is)"), []
    if tune:
        told("tuning the learning rate of every arm alike")
        base, arms, tuned = tuning(crew, base, arms)
        crew.forget(base.name)
    told(f"comparing {len(arms)} acts with {' and '.join(own)}")
    crew.run([base, *arms], range(seeds))
    objective, why = _objective(crew, [base, *arms])
    shots = revalue(crew.shots, objective)
    return Trial(
        f"which act in the hidden layers, instead of {' and '.join(own)}?",
        objective,
        (base, *arms),
        tuple(shot for (name, k), shot in shots.items() if k < seeds and name != "placebo"),
        tuple(_verdicts(shots, arms, seeds, objective, asked=crew.setting.objective is not None)),
        arm_summaries(
            [base, *arms], {k: s for k, s in shots.items() if k[1] < seeds}, objective, goal
        ),
        {
            "seeds": seeds,
            "own": list(own),
            "sites": [site.name for site in sites],
            "tuned": {one.arm: one.factor for one in tuned},
            "tunings": TUNINGS if tune else 0,
            "why_objective": why,
            "seconds": perf_counter() - began,
            "script": crew.setting.program.target,
            "argv": list(crew.setting.program.argv),
            "steps": crew.setting.steps,
            "backend": crew.setting.where.backend,
            "kept_in": str(crew.kept_in),
            "resumed": crew.resumed,
            **versions(),
        },
    )


def check_acts(acts: Sequence[str]) -> list[str]:
    """Names of acts that can stand in a hidden layer, each once.

    Raises:
        UnknownNameError: an unknown act.
        UsageError: none, or one that is no act of one unit.
    """
    names = list(dict.fromkeys(act.strip() for act in acts if act.strip()))
    if not names:
        raise UsageError("name acts to compare, such as --acts relu,leaky_relu,gelu.")
    for name in names:
        one = find(name)
        if one.family == "gated" or not (one.elementwise or one.family == "maxout"):
            raise UsageError(f"{name} is no act of one unit; it cannot stand for another.")
    return names


def _arm(act: str, own: tuple[str, ...], sites: tuple[str, ...]) -> Arm:
    """The same layers are drawn anew in every arm: those that feed the hidden acts."""
    if own == (act,):
        edit = Edit("matching-init", {}, sites, "weights drawn anew at the gain of the act")
        return Arm(act, (edit,), text=f"{act}, weights drawn anew")
    edit = Edit("swap-act", {"act": act, "init": "match"}, sites, text=f"{act} with its init")
    text = f"{act}, {PIECES} pieces a unit" if find(act).family == "maxout" else act
    return Arm(act, (edit,), text=text)


def _traced(crew: TrialRunner) -> Trace:
    return run_file.read(recorded_arm(crew))


def _objective(crew: TrialRunner, arms: Sequence[Arm]) -> tuple[Objective, str]:
    if crew.setting.objective is not None:
        return crew.setting.objective, "as asked"
    names = {arm.name for arm in arms}
    return fitting_objective({k: s for k, s in crew.shots.items() if k[0] in names}, arms)


def _verdicts(
    shots: Any, arms: Sequence[Arm], seeds: int, objective: Objective, *, asked: bool
) -> list[Verdict]:
    others = incomparable_arms(shots, arms) if objective.source == "loss" and not asked else ()
    known = [arm for arm in arms if arm.name not in others]
    judged = {v.arm: v for v in judge(known, BASE.name, shots, range(seeds), objective)}
    text = "Its loss is another kind of number than the base's; name what to judge with --metric."
    return [judged.get(arm.name) or Verdict(arm.name, NOT_RUN, text) for arm in arms]


# ---------------------------------------------------------------------- learning rates


def tuning(crew: TrialRunner, base: Arm, arms: Sequence[Arm]) -> tuple[Arm, list[Arm], list[Tuned]]:
    """The best of `TUNINGS` learning rates for each arm, the base included: the same sampler from
    the same seed and the same number for all, the script's own rate first.

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
        way = "minimize" if _better(crew) == "min" else "maximize"
        studies[arm.name] = optuna.create_study(direction=way, sampler=sampler)
        studies[arm.name].enqueue_trial({"factor": 1.0})
    for _ in range(TUNINGS):
        asked = {
            arm.name: studies[arm.name].ask(
                {"factor": optuna.distributions.FloatDistribution(*SPAN, log=True)}
            )
            for arm in (base, *arms)
        }
        tried = [at_rate(arm, asked[arm.name].params["factor"]) for arm in (base, *arms)]
        crew.run(tried, [TUNED_AT])
        for arm, one in zip((base, *arms), tried, strict=True):
            value = crew.shots[one.name, TUNED_AT]
            good = None if value.diverged else value.value
            state = optuna.trial.TrialState
            studies[arm.name].tell(
                asked[arm.name], good, state=state.FAIL if good is None else state.COMPLETE
            )
    done = {name: _best(name, study) for name, study in studies.items()}
    rated = [replace(at_rate(arm, done[arm.name].factor), name=arm.name) for arm in arms]
    first = replace(at_rate(base, done[base.name].factor), name=base.name)
    return first, rated, list(done.values())


def at_rate(arm: Arm, factor: float) -> Arm:
    """The arm with its learning rate times `factor`."""
    factor = float(f"{factor:.3g}")
    if factor == 1.0:
        return replace(arm, name=f"{arm.name} x1")
    edit = Edit("lower-learning-rate", {"factor": factor}, text=f"learning rate times {factor:g}")
    text = f"{arm.text}, lr x {factor:g}"
    return Arm(f"{arm.name} x{factor:g}", (*arm.edits, edit), arm.role, text)


def _best(name: str, study: Any) -> Tuned:
    done = [t for t in study.trials if t.value is not None]
    if not done:
        return Tuned(name, 1.0, len(study.trials), None)
    return Tuned(name, study.best_params["factor"], len(study.trials), study.best_value)


def _better(crew: TrialRunner) -> str:
    return crew.setting.objective.better if crew.setting.objective is not None else "min"
