"""Records which module was open at which autograd sequence number, on one recorded step.

torch counts sequence numbers for each thread, so every thread has its own trace. A node of the
graph belongs to the innermost module that was open when the node got its number.
"""

import weakref
from bisect import bisect_right
from threading import get_ident

from torch import nn

from relume.instrument.private_names import sequence_number, top_saved_tensors_hooks

BETWEEN = 64  # positions between two nodes, for calls that made no node


def packing() -> bool:
    """Whether saved tensors are packed now (checkpointing, offload): reading one recomputes it."""
    return top_saved_tensors_hooks(False) is not None


class ThreadTrace:
    """One thread's entries and exits."""

    __slots__ = ("begin", "mark", "numbers", "old", "owners", "packed", "since", "stack")

    def __init__(self) -> None:
        self.begin = self.since = self.mark = sequence_number()  # since the last call but one
        self.numbers: list[int] = []
        self.owners: list[weakref.ref[nn.Module] | None] = []  # weak: no model is kept alive
        self.packed: list[bool] = []  # whether saved tensors are packed from here on
        self.stack: list[nn.Module] = []
        self.old = 0

    def add(self, *, packed: bool) -> None:
        """Add an entry: from the next node on, the innermost open module owns what is made."""
        number = sequence_number()
        owner = weakref.ref(self.stack[-1]) if self.stack else None
        if self.numbers and self.numbers[-1] == number:  # nothing was made in between
            self.owners[-1], self.packed[-1] = owner, packed
        else:
            self.numbers.append(number)
            self.owners.append(owner)
            self.packed.append(packed)

    def index_of(self, number: int) -> int:
        """Return the index of the entry that holds for a sequence number, -1 if none does."""
        # A node made after the entry at `n` gets a number of at least `n`.
        return bisect_right(self.numbers, number) - 1

    def owner(self, number: int) -> nn.Module | None:
        """Return the innermost module that was open when this sequence number was assigned."""
        place = self.index_of(number)
        owner = self.owners[place] if place >= 0 else None
        return None if owner is None else owner()

    def trim(self) -> None:
        """Drop all entries but those since the last call."""
        del self.numbers[: self.old], self.owners[: self.old], self.packed[: self.old]
        self.old = len(self.numbers)
        self.since, self.mark = self.mark, sequence_number()
        self.stack.clear()  # an interrupt may have skipped exits


class ModuleTrace:
    """Entries and exits of modules on one recorded step.

    Attributes:
        main: the trace of the thread that records.
        thread: that thread; 0 where nothing is recorded.
        any_packed: saved tensors were packed somewhere; reading them would compute them again.
        called: the modules that ran in training mode, by id, also those without a gradient.
        beside: the models that ran without a gradient, in either mode, by id.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Drop the step."""
        self.main = ThreadTrace()
        self._others: dict[int, ThreadTrace] = {}
        self.thread = 0
        self.any_packed = False
        self.called: dict[int, weakref.ref[nn.Module]] = {}
        self.beside: dict[int, weakref.ref[nn.Module]] = {}
        self._base = 0

    def begin(self) -> None:
        """Record every entry and exit from here on; this thread is the main one."""
        self.clear()
        self.thread = get_ident()
        self._base = self.main.begin

    def trim(self) -> None:
        """Drop all but the last step: it has ended, and the next one is recorded too.

        A loss of the next step may depend on what this one computed (a GAN's generator runs
        before its discriminator steps).
        """
        self.main.trim()
        self._others = {}
        self._base = sequence_number()

    @property
    def cacheable(self) -> bool:
        """Whether a graph of this step may be cached: one thread, and no packed saved tensor."""
        return not self._others and not self.any_packed

    @property
    def depth(self) -> int:
        """The number of modules that are open in this thread."""
        return len(self._this_thread().stack)

    def enter(self, module: nn.Module) -> None:
        """Record the entry of a module."""
        thread_trace = self._this_thread()
        thread_trace.stack.append(module)
        self.called[id(module)] = weakref.ref(module)
        packed = packing()
        self.any_packed |= packed
        thread_trace.add(packed=packed)

    def leave(self, module: nn.Module) -> bool:
        """Record the exit of a module, also by an exception.

        Returns:
            Whether it had been entered, and was the outermost.
        """
        thread_trace = self._this_thread()
        if module not in thread_trace.stack:
            return False
        while thread_trace.stack.pop() is not module:
            pass  # an interrupt skipped the exits in between
        thread_trace.add(packed=self.any_packed and packing())
        return not thread_trace.stack

    def record_packing(self, packed: bool) -> None:
        """Record that saved tensors begin or cease to be packed, within a module."""
        self.any_packed |= packed
        self._this_thread().add(packed=packed)

    def covers(self, number: int) -> bool:
        """Whether entries were recorded when this sequence number was assigned.

        Where no module was entered the network is made of functions and tensors alone.
        """
        if not self.main.numbers and not self._others:
            return number >= self.main.since
        return any(thread_trace.index_of(number) >= 0 for thread_trace in self._threads_at(number))

    def owner(self, number: int) -> nn.Module | None:
        """Return the innermost module that was open when this sequence number was assigned.

        Where two threads assigned the same number they ran the same forward on two shares of a
        batch, as data parallelism does; the first thread that has an owner decides.
        """
        owners = (thread_trace.owner(number) for thread_trace in self._threads_at(number))
        return next((owner for owner in owners if owner is not None), None)

    def is_packed(self, number: int) -> bool:
        """Whether saved tensors were packed when this sequence number was assigned."""
        if not self.any_packed:
            return False
        places = (
            (thread_trace, thread_trace.index_of(number))
            for thread_trace in self._threads_at(number)
        )
        return any(place >= 0 and thread_trace.packed[place] for thread_trace, place in places)

    def packing_modules(self) -> list[nn.Module]:
        """Return the outermost modules that were entered while saved tensors were packed."""
        pairs = zip(self.main.owners, self.main.packed, strict=True)
        owners = [ref() for ref, packed in pairs if packed and ref is not None]
        return list(dict.fromkeys(owner for owner in owners if owner is not None))

    def after_modules(self, number: int) -> bool:
        """Whether the number was assigned after the last module had ended: in the loss."""
        thread_trace = self.main
        return (
            bool(thread_trace.numbers)
            and thread_trace.index_of(number) == len(thread_trace.numbers) - 1
        )

    def place(self, number: int, tie: int = 0) -> int:
        """Return a position in the step's order of calls; `tie` orders calls before this node."""
        at = BETWEEN * (number - self._base)
        return at if tie == 0 else at - BETWEEN + min(tie, BETWEEN - 1)

    def _this_thread(self) -> ThreadTrace:
        thread = get_ident()
        if thread == self.thread:
            return self.main
        thread_trace = self._others.get(thread)
        if thread_trace is None:
            thread_trace = self._others[thread] = ThreadTrace()
        return thread_trace

    def _threads_at(self, number: int) -> list[ThreadTrace]:
        if not self._others:
            return [self.main] if number >= self.main.begin else []
        return [t for t in (self.main, *list(self._others.values())) if number >= t.begin]
