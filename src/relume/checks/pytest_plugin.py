"""The fixture `relume_check` for users' test suites; pytest loads it where relume is installed.

    def test_the_model_starts_well(relume_check):
        relume_check(make_model(), (images, labels), torch.nn.CrossEntropyLoss())

Loading this file imports neither torch nor a rule: every pytest loads it in whose environment
relume is installed, and most tests do not use it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from relume.core import Diagnosis


@pytest.fixture(scope="session")
def relume_check() -> "Callable[..., Diagnosis]":
    """Fail the test where `relume.check` finds something; else return the diagnosis.

    It takes what `relume.check` takes (model, batch, criterion; target, trained, select, ignore),
    and `fail_on`, the severity from which on a finding fails ("warning" by default), and returns
    the diagnosis.
    """
    return check_or_fail


def check_or_fail(
    model: Any, batch: Any, *more: Any, fail_on: str = "warning", **options: Any
) -> Any:
    """Check a model, and fail the calling test where it has findings.

    Raises:
        UnknownNameError: no severity of that name; raised before the model is run.
        Failed: pytest's own, with the diagnosis, at the line of the test.
    """
    __tracebackhide__ = True
    from relume.checks.check import check
    from relume.core import Severity
    from relume.errors import DiagnosisError

    least = Severity.named(fail_on)
    diagnosis = check(model, batch, *more, **options)
    try:
        diagnosis.raise_if(least)
        return diagnosis
    except DiagnosisError as error:
        harm = str(error)
    pytest.fail(harm)  # out of the handler, whose traceback would stand above it
