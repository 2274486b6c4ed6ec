"""Defines what relume raises; nothing else reaches a user of the package.

    RelumeError                  the root: catch this to catch every error of relume
    ├── UsageError               bad input from a person; the command line exits with 2
    │   ├── UnknownNameError     a name that does not exist, with the nearest that does
    │   └── NoRunError           no recorded run where one is needed
    ├── DiagnosisError           a diagnosis that failed on request
    └── StoreError               a run file that cannot be written or read
        └── NotATraceError       a file that relume did not write, or a damaged one

Each message is one sentence: the bad value, what was expected, the nearest good value.
The user's own exceptions are never wrapped: they pass through unchanged.
"""


class RelumeError(Exception):
    """The root of everything relume raises."""


class UsageError(RelumeError):
    """Bad input from a person."""


class UnknownNameError(UsageError):
    """A name that does not exist."""


class NoRunError(UsageError):
    """No recorded run where one is needed."""


class DiagnosisError(RelumeError):
    """A diagnosis with findings of the severity that the caller fails on.

    Attributes:
        diagnosis: the `relume.Diagnosis`; None where only its text is known.
    """

    def __init__(self, text: str, diagnosis: object = None) -> None:
        super().__init__(text, diagnosis)
        self.diagnosis = diagnosis

    def __str__(self) -> str:
        return str(self.args[0])


class StoreError(RelumeError):
    """A run file that cannot be written or read."""


class NotATraceError(StoreError):
    """A file that relume did not write, or a damaged one."""
