"""What goes wrong inside the recorder stays inside it: noted, counted, and after a while the end.

Every entry point of ours that torch calls catches its own errors and hands them to `Failures`.
"""

from collections.abc import Callable

from relume.core import Fact
from relume.errors import StoreError
from relume.record.store.run_file import Writer

MOST_FAILURES = 5  # of ours, after which recording stops for good


class FailureGuard:
    """The failures of one recorder.

    Args:
        writer: gets a fact for each, where it still can be written to.
        stop: called once recording has to end: nothing of ours may stay in torch.

    Attributes:
        texts: one sentence each.
        off: whether recording has ended for good.
        step: the step that a failure is noted at; kept up to date by the recorder.
    """

    def __init__(self, writer: Writer, stop: Callable[[], None]) -> None:
        self.messages: list[str] = []
        self.stopped = False
        self.step = 0
        self._writer = writer
        self._stop = stop

    def guard(self, where: str, work: Callable[[], object]) -> None:
        """Do some work of ours; an error in it is noted and goes no further."""
        try:
            work()
        except Exception as error:  # nothing of ours may reach the user's program
            self.record_failure(where, error)

    def record_failure(self, where: str, error: Exception) -> None:
        """Note a failure; after several, or a file that cannot be written, stop."""
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
