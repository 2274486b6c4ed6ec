"""Defines how much a finding matters."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from relume.registry import lookup

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class Severity(IntEnum):
    """How much a finding matters. A `FACT` never harms; `WARNING` and above fail a run."""

    FACT = 0
    NOTE = 1
    WARNING = 2
    ERROR = 3

    def __str__(self) -> str:
        return self.name.lower()

    @classmethod
    def named(cls, word: str | Severity) -> Severity:
        """The severity of that name.

        Raises:
            UnknownNameError: there is none; the message names the nearest.

        Example:
            >>> Severity.named("error") > Severity.named("warning")
            True
        """
        return lookup(str(word).lower(), {str(level): level for level in cls}, "severity")
