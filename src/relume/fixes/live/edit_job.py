"""What an edit says while it is applied to a live run."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relume.core.trial import Edit

if TYPE_CHECKING:
    pass


@dataclass(slots=True)
class EditJob:
    """An edit on the bench: what it has changed so far, and what went wrong.

    Attributes:
        edit: what is laid.
        counts: by word, how many were changed: ``{"optimiser": 1}``.
        wanting: why nothing was changed, if nothing is: ``"no optimiser took a step"``.
        failed: errors of ours, a sentence each; the first one ends the edit.
        notes: what was left as it is, a sentence each.
        words: how the edit is told when it is done, over its counts in words.
    """

    edit: Edit
    wanting: str = "nothing of the kind was met"
    words: Callable[["EditJob"], str] | None = None
    counts: dict[str, int] = field(default_factory=dict[str, int])
    failed: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        """The edit in words; its name where it brings none."""
        return self.edit.text or self.edit.fix.replace("-", " ")

    def did(self, what: str, count: int = 1) -> None:
        """So many more of these were changed."""
        self.counts[what] = self.counts.get(what, 0) + count

    def fail(self, error: Exception) -> None:
        """An error of ours: it is told, and the user's run goes on."""
        self.failed.append(f"{type(error).__name__}: {error}"[:300])

    def told(self) -> str:
        """What was done, with counts."""
        if self.words is not None:
            return self.words(self)
        return f"{self.text} ({', '.join(several(n, what) for what, n in self.counts.items())})"


_NOUNS = (
    "layer",
    "unit",
    "optimiser",
    "input",
    "mean",
    "vector",
    "parameter",
    "act",
    "call",
    "step",
)


def several(count: int, what: str) -> str:
    """``1 layer drawn anew``, ``2 layers drawn anew``; names of acts stay: ``2 relu replaced``.

    >>> several(2, "norm layer inserted"), several(3, "relu replaced")
    ('2 norm layers inserted', '3 relu replaced')
    """
    words = [f"{word}s" if count != 1 and word in _NOUNS else word for word in what.split()]
    return " ".join([str(count), *words])
