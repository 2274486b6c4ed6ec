"""Proving a cure: arms x seeds, paired differences, a verdict.

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
