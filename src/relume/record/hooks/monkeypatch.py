"""Replaces a function of torch and puts it back, whoever wrapped it in between."""

from typing import Any, ClassVar


class _Switch:
    """Stands in the place of a function of torch's, and hands a call through what is patched in.

    One for all recordings at once: they come and go in any order, and where each wrapped the one
    before it the wrappers of those that had gone would never be given back.
    """

    def __init__(self, owner: Any, name: str) -> None:
        self.base = getattr(owner, name)
        self.call = self.base
        self.wrapper_makers: list[Any] = []

        def entry(*args: Any, **keywords: Any) -> Any:
            return self.call(*args, **keywords)

        self.entry: Any = entry
        self.entry.__doc__, self.entry.__wrapped__ = self.base.__doc__, self.base

    def compose(self) -> None:
        """Hand calls through every wrapper there is now, the latest first."""
        self.call = self.base
        for make in self.wrapper_makers:
            self.call = make(self.call)


class MonkeyPatch:
    """An attribute of torch's replaced by a wrapper, and given back.

    Args:
        owner, name: where it stands.
        make: given the original, returns the wrapper; as often as it is asked.
    """

    _switches: ClassVar[dict[tuple[int, str], _Switch]] = {}

    def __init__(self, owner: Any, name: str, make: Any) -> None:
        self._owner, self._name, self._make = owner, name, make
        self._switch: _Switch | None = None

    def install(self) -> None:
        """Put the wrapper in its place."""
        key = (id(self._owner), self._name)
        switch = self._switches.get(key)
        if switch is None or getattr(self._owner, self._name) is not switch.entry:
            switch = self._switches[key] = _Switch(self._owner, self._name)
            setattr(self._owner, self._name, switch.entry)
        self._switch = switch
        switch.wrapper_makers.append(self._make)
        switch.compose()

    def remove(self) -> None:
        """Give the place back, when the last wrapper is taken, unless somebody has wrapped ours
        since: then it stays, and only passes calls on."""
        switch, self._switch = self._switch, None
        if switch is None:
            return
        switch.wrapper_makers.remove(self._make)
        switch.compose()
        if not switch.wrapper_makers and getattr(self._owner, self._name) is switch.entry:
            setattr(self._owner, self._name, switch.base)
            self._switches.pop((id(self._owner), self._name), None)
