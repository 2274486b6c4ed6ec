"""relume finds out why a network's non-linearities fail, cures them, and proves the cure.

    with relume.watch(model) as run:      # two lines; the loop is untouched
        train(model)
    print(run.diagnose())

Importing this package does not import torch: the names below are imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from relume.acts.gain import gain as gain
    from relume.acts.lookup import act as act
    from relume.acts.lookup import list_acts as list_acts
    from relume.acts.swap import swap as swap
    from relume.cards.build_card import card as card
    from relume.checks.check import check as check
    from relume.core import Checked as Checked
    from relume.core import Diagnosis as Diagnosis
    from relume.core import Evidence as Evidence
    from relume.core import Finding as Finding
    from relume.core import NotChecked as NotChecked
    from relume.core import Severity as Severity
    from relume.core import Site as Site
    from relume.core import Trace as Trace
    from relume.diagnosis import diagnose as diagnose
    from relume.errors import RelumeError as RelumeError
    from relume.record.run import Run as Run
    from relume.record.run import load as load
    from relume.record.run import watch as watch
    from relume.trial.runner.report_metric import report_metric as report_metric

__version__ = "0.2.0"

_HOMES = {
    "Checked": "relume.core",
    "Diagnosis": "relume.core",
    "Evidence": "relume.core",
    "Finding": "relume.core",
    "NotChecked": "relume.core",
    "RelumeError": "relume.errors",
    "Run": "relume.record.run",
    "Severity": "relume.core",
    "Site": "relume.core",
    "Trace": "relume.core",
    "act": "relume.acts.lookup",
    "card": "relume.cards.build_card",
    "check": "relume.checks.check",
    "diagnose": "relume.diagnosis",
    "gain": "relume.acts.gain",
    "list_acts": "relume.acts.lookup",
    "load": "relume.record.run",
    "report_metric": "relume.trial.runner.report_metric",
    "swap": "relume.acts.swap",
    "watch": "relume.record.run",
}
__all__ = sorted(_HOMES)  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name == "acts":  # the functions and modules themselves: relume.acts.gelu
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'relume' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
