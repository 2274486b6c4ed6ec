"""Counts what one edit changes in a live run, and why it changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field

from relume.core.trial import Edit


@dataclass(slots=True)
class EditJob:
    """One edit of a session: what it has changed so far, and what went wrong.

    Attributes:
        edit: the edit that is applied.
        counts: how many were changed, by noun: ``{"optimiser": 1}``.
        no_effect: the reason to report if nothing was changed: ``"no optimiser took a step"``.
        failed: errors of the edit itself, a sentence each; the first one ends the edit.
        notes: what was left as it is, a sentence each.
        describe: words the summary of the finished edit; by default its text with the counts.
    """

    edit: Edit
    no_effect: str = "the run had nothing of this kind"
    describe: Callable[["EditJob"], str] | None = None
    counts: dict[str, int] = field(default_factory=dict[str, int])
    failed: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        """The edit in words; its name where it has no text."""
        return self.edit.text or self.edit.fix.replace("-", " ")

    def count(self, noun: str, number: int = 1) -> None:
        """Count changed things: so many more of this noun."""
        self.counts[noun] = self.counts.get(noun, 0) + number

    def fail(self, error: Exception) -> None:
        """Report an error of the edit; the user's run goes on."""
        self.failed.append(f"{type(error).__name__}: {error}"[:300])

    def summary(self) -> str:
        """Say what was changed, with counts."""
        if self.describe is not None:
            return self.describe(self)
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
    """Return a count in words: ``1 layer drawn anew``, ``2 layers drawn anew``.

    Names of acts have no plural: ``2 relu replaced``.

    >>> several(2, "norm layer inserted"), several(3, "relu replaced")
    ('2 norm layers inserted', '3 relu replaced')
    """
    words = [f"{word}s" if count != 1 and word in _NOUNS else word for word in what.split()]
    return " ".join([str(count), *words])
