"""Defines a fix, and reads its page from its file's docstring."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relume.core import Diagnosis, Finding, Trace, Value
from relume.core.trial import Edit, Safety
from relume.registry import own_docstring

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

Propose = Callable[[Finding, Diagnosis, Trace], Iterator[Edit]]
Apply = Callable[[Edit, "EditSession"], None]
Write = Callable[[Edit, "Source"], "Patch | None"]
ByHand = Callable[[Edit, "Source"], str]

FIRST_LINE = re.compile(r"(?P<name>[a-z0-9-]+): \S")
SECTIONS = (
    "What it does",
    "When it helps",
    "How it is applied",
    "What it changes (safety)",
    "References",
)


@dataclass(frozen=True, slots=True)
class Fix:
    """A remedy.

    Attributes:
        name: ``"lower-learning-rate"``.
        page: its text for users, the docstring of its file.
        safety: what must be known before relume may advise it.
        rungs: its place on the ladder of each rule, by the rule's code; lower is tried earlier.
        propose: gives the edits for a finding; none where the fix does not apply.
        apply: registers with the session what happens to the live run.
        patch: writes the edit into the user's source; None where no simple patch exists.
        by_hand: says in a sentence what to do where no patch exists; an empty text if that is
            not known.
    """

    name: str
    page: str
    safety: Safety
    rungs: Mapping[str, float]
    propose: Propose
    apply: Apply
    patch: Write | None = None
    by_hand: ByHand | None = None


@dataclass(frozen=True, slots=True)
class FixPage:
    """The page of a fix; makes its edits and the fix itself."""

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
        """Make an edit of this fix; a patch changes the source line of `at`, a finding or site."""
        file, line = getattr(at, "file", ""), getattr(at, "line", 0)
        return Edit(self.name, options, sites, text, file, line)

    def fix(
        self,
        safety: Safety,
        rungs: Mapping[str, float],
        propose: Propose,
        apply: Apply,
        patch: Write | None = None,
        by_hand: ByHand | None = None,
    ) -> Fix:
        """Make the fix of this page."""
        return Fix(self.name, self.text, safety, rungs, propose, apply, patch, by_hand)


def page(text: str | None) -> FixPage:
    """Read a fix file's docstring: `page(__doc__)`."""
    text = own_docstring(text)
    match = FIRST_LINE.match(text)
    if match is None:
        raise ValueError("a fix's docstring must begin like 'lower-learning-rate: ...'")
    return FixPage(match["name"], text)


def option(edit: Edit, name: str, default: Any) -> Any:
    """Return an option of the edit, or `default` where the edit has none."""
    return edit.options.get(name, default)
