"""Trials: proves or refutes an edit by paired runs of the user's program.

Comes in: a program (a script, a module or a function) and arms, each a list of edits. Goes out: a
`Trial` with every run and a `Verdict` on every arm, or a `Cure`. The program itself stays
unchanged, and so do the user's files.

Terms: an *arm* is the program with some edits; the *base* is the program as it is, the *placebo*
the base once more; a *run* is an arm at one seed; runs of one seed are a *pair*.

Read in this order:

- `api.py`: `compare`, `prove` and `fix` for Python; `Conditions`.
- `paired_trial.py`: one trial: choosing seeds, winner, fresh seeds.
- `compare_acts.py`, `prove_edit.py`, `fix_search.py`, `recommend.py`: the four commands.
- `cure_screening.py`: the cures that `fix` tries at one seed, single and joint.
- `fix_candidates.py`, `prove_patch.py`: what `fix` tries, and the run of its patch.
- `plan.py`: how often the program will run; `act_times.py`, `hidden_acts.py`: for comparisons.
- `scheduler.py`: `TrialRunner`, which runs arms at seeds through joblib or Ray.
- `pool/`: fork servers, and the cache of finished runs.
- `runner/`: one run in a fresh process.
- `judge/`: objective, verdict and summary.

Example::

    from relume import trial

    print(trial.compare("train.py", ["relu", "gelu"]))
    print(trial.prove(train, ["lower-learning-rate:factor=0.1"]))     # def train(seed): ...

Importing this package costs nothing: torch comes with the processes that train.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relume.trial.api import Conditions as Conditions
    from relume.trial.api import compare as compare
    from relume.trial.api import fix as fix
    from relume.trial.api import prove as prove

_NAMES = ("Conditions", "compare", "fix", "prove")


def __getattr__(name: str) -> object:
    if name in _NAMES:
        return getattr(import_module("relume.trial.api"), name)
    raise AttributeError(f"module 'relume.trial' has no attribute {name!r}")
