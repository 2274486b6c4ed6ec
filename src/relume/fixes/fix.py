"""What a fix is, and how its file's docstring becomes its page."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from relume.core import Diagnosis, Finding, Trace, Value
from relume.proof import Edit, Safety

if TYPE_CHECKING:
    from relume.fixes.lay import Bench
    from relume.fixes.patch import Patch, Source

Propose = Callable[[Finding, Diagnosis, Trace], Iterator[Edit]]
Lay = Callable[[Edit, "Bench"], None]
Write = Callable[[Edit, "Source"], "Patch | None"]
Words = Callable[[Edit, "Source"], str]

FIRST_LINE = re.compile(r"(?P<name>[a-z0-9-]+): \S")
SECTIONS = (
    "What it does",
    "When it helps",
    "How it is laid",
    "What it changes (safety)",
    "References",
)


@dataclass(frozen=True, slots=True)
class Fix:
    """A remedy.

    Attributes:
        name: ``"lower-learning-rate"``.
        page: its product text, the docstring of its file.
        safety: what must be known before it may be advised.
        rungs: by the code of a rule, its place on that rule's ladder; lower is earlier.
        propose: the edits that this fix has for a finding; none where it does not apply.
        lay: registers on the bench what is to happen to the live run.
        patch: the edit in the user's source; None where there is no simple one.
        by_hand: where there is no patch, what to do instead, as a sentence; empty if that is not
            known.
    """

    name: str
    page: str
    safety: Safety
    rungs: Mapping[str, float]
    propose: Propose
    lay: Lay
    patch: Write | None = None
    by_hand: Words | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A fix's page, and what is made in its name."""

    name: str
    text: str

    def edit(
        self,
        text: str,
        *,
        sites: tuple[str, ...] = (),
        at: object = None,
        **options: Value | tuple[Value, ...],
    ) -> Edit:
        """An edit of this fix; `at` is the finding or site whose source line a patch changes."""
        file, line = getattr(at, "file", ""), getattr(at, "line", 0)
        return Edit(self.name, options, sites, text, file, line)

    def fix(
        self,
        safety: Safety,
        rungs: Mapping[str, float],
        propose: Propose,
        lay: Lay,
        patch: Write | None = None,
        by_hand: Words | None = None,
    ) -> Fix:
        """The fix of this page."""
        return Fix(self.name, self.text, safety, rungs, propose, lay, patch, by_hand)


def page(text: str | None) -> Page:
    """Read a fix file's docstring: `page(__doc__)`."""
    match = FIRST_LINE.match(text or "")
    if match is None:
        raise ValueError("a fix's docstring must begin like 'lower-learning-rate: ...'")
    return Page(match["name"], text or "")


@dataclass(slots=True)
class Job:
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
    words: Callable[["Job"], str] | None = None
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


def option(edit: Edit, name: str, default: Any) -> Any:
    """An option of the edit, or what stands for it where it has none."""
    return edit.options.get(name, default)
