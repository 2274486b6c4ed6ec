"""Has torch note where each autograd node is made, without showing the user's program that it does.

torch notes source lines in its anomaly mode only. The mode is the user's as well: what they ask for
is kept and answered, and what they did not ask for is not shown.
"""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import torch

from relume.instrument.monkeypatch import MonkeyPatch


class _Mode:
    """Torch's anomaly mode, shared by all recordings that note lines, and the user."""

    def __init__(self) -> None:
        self.users: tuple[bool, bool] = (False, True)  # the mode, and its check for NaN
        self.noting: list[SourceLines] = []
        self._patches = (
            MonkeyPatch(torch, "set_anomaly_enabled", self._wrap_set),
            MonkeyPatch(torch, "is_anomaly_enabled", lambda _: lambda: self.users[0]),
            MonkeyPatch(torch, "is_anomaly_check_nan_enabled", lambda _: lambda: self.users[1]),
        )

    def begin(self) -> None:
        self.users = (False, torch.is_anomaly_check_nan_enabled())
        torch.set_anomaly_enabled(True, False)
        for patch in self._patches:
            patch.install()

    def end(self) -> None:
        for patch in self._patches:
            patch.remove()
        torch.set_anomaly_enabled(*self.users)

    def _wrap_set(self, original: Callable[[bool, bool], None]) -> Callable[..., None]:
        def set_anomaly_enabled(enabled: bool, check_nan: bool = True) -> None:
            if not self.noting:
                original(enabled, check_nan)
                return
            self.users = (enabled, check_nan)
            if enabled:  # the lines are the user's now
                for one in self.noting:
                    one.noted = False
            original(True, enabled and check_nan)

        return set_anomaly_enabled


class SourceLines:
    """Turns anomaly mode on for the recorder, behind the user's own wish.

    Attributes:
        noted: whether nodes made since `begin` hold lines that the user did not ask for.
    """

    _mode: ClassVar[_Mode] = _Mode()

    def __init__(self) -> None:
        self.noted = False

    def begin(self) -> None:
        """Note lines from now on; does nothing where the user's own mode does."""
        mode = self._mode
        self.noted = False
        if self in mode.noting:
            self.noted = not mode.users[0]
            return
        if not mode.noting:
            if torch.is_anomaly_enabled():
                return
            mode.begin()
        mode.noting.append(self)
        self.noted = not mode.users[0]

    def end(self) -> None:
        """Note no more lines: the mode is what the user has asked for. Twice is fine."""
        mode = self._mode
        if self in mode.noting:
            mode.noting.remove(self)
            if not mode.noting:
                mode.end()

    def forget(self, nodes: Iterable[Any]) -> None:
        """Take the noted lines out of these nodes, so that an anomaly of the user's prints none."""
        if self.noted and not self._mode.noting:  # another recording may still read them
            for node in nodes:
                node.metadata.pop("traceback_", None)
