"""The fixture `relume_check` for people's own test suites; pytest finds it where relume is.

    def test_the_model_starts_well(relume_check):
        relume_check(make_model(), (images, labels), torch.nn.CrossEntropyLoss())

Loading this file loads neither torch nor a rule: it is read at the start of every pytest in whose
environment relume is installed, and most of their tests ask nothing of it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from relume.core import Diagnosis


@pytest.fixture(scope="session")
def relume_check() -> "Callable[..., Diagnosis]":
    """Fail the test where `relume.check` finds something; else give the diagnosis.

    It takes what `relume.check` takes (model, batch, criterion; target, trained, select, ignore),
    and `fail_on`: the severity from which on a finding fails, "warning" unless said.
    """
    return checked_diagnosis


def checked_diagnosis(
    model: Any, batch: Any, *given: Any, fail_on: str = "warning", **how: Any
) -> Any:
    """What the fixture gives: `relume.check`, whose findings fail the test that asked.

    Raises:
        UnknownNameError: no severity of that name; said before the model is run.
        Failed: pytest's own, with the diagnosis; at the line of the test, without our frames.
    """
    __tracebackhide__ = True
    from relume.checks.check import check
    from relume.core import Severity
    from relume.errors import DiagnosisError

    least = Severity.named(fail_on)
    diagnosis = check(model, batch, *given, **how)
    try:
        diagnosis.raise_if(least)
        return diagnosis
    except DiagnosisError as error:
        harm = str(error)
    pytest.fail(harm)  # out of the handler, whose traceback would stand above it
