"""What a fix is, and how its file's docstring becomes its page."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relume.core import Diagnosis, Finding, Trace, Value
from relume.core.trial import Edit, Safety

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source

Propose = Callable[[Finding, Diagnosis, Trace], Iterator[Edit]]
Lay = Callable[[Edit, "EditSession"], None]
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
class FixPage:
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


def page(text: str | None) -> FixPage:
    """Read a fix file's docstring: `page(__doc__)`."""
    match = FIRST_LINE.match(text or "")
    if match is None:
        raise ValueError("a fix's docstring must begin like 'lower-learning-rate: ...'")
    return FixPage(match["name"], text or "")


def option(edit: Edit, name: str, default: Any) -> Any:
    """An option of the edit, or what stands for it where it has none."""
    return edit.options.get(name, default)
