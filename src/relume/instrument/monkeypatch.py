"""Replaces functions of torch and Python, and restores them, even if other code wrapped them."""

from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, contextmanager
from functools import update_wrapper
from typing import Any, ClassVar

Patch = tuple[Any, str, Callable[[Any], Any]]
"""The module or class that holds an attribute, its name, and what makes the wrapper from it."""


class _Switch:
    """Replaces an attribute once, and calls it through all wrappers that are installed.

    All recordings and sessions share one switch. They start and end in any order; if each wrapped
    the wrapper before it, the wrappers of those that ended could not be removed.
    """

    def __init__(self, owner: Any, name: str) -> None:
        self.base = getattr(owner, name)
        self.call = self.base
        self.wrapper_makers: list[Any] = []

        def entry(*args: Any, **keywords: Any) -> Any:
            return self.call(*args, **keywords)

        # name and module too: pickle finds a function by them (a trainer sent to a worker)
        self.entry: Any = update_wrapper(entry, self.base, updated=())

    def compose(self) -> None:
        """Route calls through every installed wrapper, the latest first."""
        self.call = self.base
        for make in self.wrapper_makers:
            self.call = make(self.call)


class MonkeyPatch:
    """Replaces an attribute by a wrapper, and restores it.

    Args:
        owner: the module or class that holds the attribute.
        name: its name.
        make: returns the wrapper of the function that it gets; called any number of times.
    """

    _switches: ClassVar[dict[tuple[int, str], _Switch]] = {}

    def __init__(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        self._owner, self._name, self._make = owner, name, make
        self._switch: _Switch | None = None

    def install(self) -> None:
        """Install the wrapper."""
        key = (id(self._owner), self._name)
        switch = self._switches.get(key)
        if switch is None or getattr(self._owner, self._name) is not switch.entry:
            switch = self._switches[key] = _Switch(self._owner, self._name)
            setattr(self._owner, self._name, switch.entry)
        self._switch = switch
        switch.wrapper_makers.append(self._make)
        switch.compose()

    def remove(self) -> None:
        """Remove the wrapper; the last one restores the attribute.

        If other code has wrapped the switch since, the switch stays and only passes calls on.
        """
        switch, self._switch = self._switch, None
        if switch is None:
            return
        switch.wrapper_makers.remove(self._make)
        switch.compose()
        if not switch.wrapper_makers and getattr(self._owner, self._name) is switch.entry:
            setattr(self._owner, self._name, switch.base)
            self._switches.pop((id(self._owner), self._name), None)


@contextmanager
def patched(patches: Iterable[Patch]) -> Generator[None]:
    """Install wrappers while the block runs."""
    with ExitStack() as stack:
        for owner, name, make in patches:
            patch = MonkeyPatch(owner, name, make)
            patch.install()
            stack.callback(patch.remove)
        yield


@contextmanager
def replaced(owner: Any, name: str, make: Callable[[Any], Any]) -> Generator[None]:
    """Replace a class while the block runs: what stands for it must be a class as well."""
    original = getattr(owner, name)
    setattr(owner, name, make(original))
    try:
        yield
    finally:
        setattr(owner, name, original)
