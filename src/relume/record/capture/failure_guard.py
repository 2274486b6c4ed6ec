"""Keeps the recorder's own errors away from the user's program.

Every entry point that torch calls catches its errors and hands them to `FailureGuard`, which
records each one and ends the recording after several.
"""

from collections.abc import Callable

from relume.core import Fact
from relume.errors import StoreError
from relume.record.store.run_file import Writer

MOST_FAILURES = 5  # errors of the recorder after which the recording ends


class FailureGuard:
    """Records the failures of one recorder, and stops it after several.

    Args:
        writer: gets a fact for each failure, while the file can be written.
        stop: called when the recording has to end; it removes every hook from torch.

    Attributes:
        messages: one sentence for each failure.
        stopped: whether the recording has ended and will not resume.
        step: the step that a failure is recorded at; the recorder keeps it up to date.
    """

    def __init__(self, writer: Writer, stop: Callable[[], None]) -> None:
        self.messages: list[str] = []
        self.stopped = False
        self.step = 0
        self._writer = writer
        self._stop = stop

    def guard(self, where: str, work: Callable[[], object]) -> None:
        """Run `work`; record an error in it instead of raising it."""
        try:
            work()
        except Exception as error:  # no error of the recorder may reach the user's program
            self.record_failure(where, error)

    def record_failure(self, where: str, error: Exception) -> None:
        """Record a failure; stop after several, or when the file cannot be written."""
        self.messages.append(f"{where}: {type(error).__name__}: {error}")
        fatal = isinstance(error, StoreError) or len(self.messages) >= MOST_FAILURES
        if not isinstance(error, StoreError):
            data = {"where": where, "text": self.messages[-1]}
            try:
                self._writer.fact(Fact("error", "", self.step, data))
            except StoreError as second:
                self.messages.append(str(second))
                fatal = True
        if fatal:
            self.stopped = True
            self._stop()
