"""Reads a lesson: its claim, its text, its figures, and the rules, fixes and cards it is about.

The docstring of a lesson's file is its text. Its first line names the claim, the lesson and the
sentence; then come the sections below. `## Belongs to` names the rules, fixes and cards it is
about, one line each, and `## Correction` stands only where the article is wrong or vague.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from relume.registry import discover, own_docstring, pages

if TYPE_CHECKING:  # `relume explain` reads the texts, and needs no figure for it
    from relume.atlas.figure import Figure

FIRST_LINE = re.compile(r"(?P<claim>[WFPAC]\d{1,2}) (?P<name>[a-z0-9-]+): (?P<title>\S.*)\n")
SECTIONS = ("Claim", "What you see", "What to move", "What is measured", "Belongs to", "Repeat it")
OPTIONAL = ("Correction",)
GROUPS = {
    "W": "Why activation functions",
    "F": "The functions, one by one",
    "P": "What goes wrong",
    "A": "Which to use",
    "C": "What the textbooks get wrong",
}
KINDS = ("rules", "fixes", "cards")


@dataclass(frozen=True, slots=True)
class Text:
    """The parts of a lesson's docstring, read without computing anything.

    Attributes:
        claim: the number of its claim, ``"P4"``.
        name: ``"dying-relu"``; with the claim it names the page.
        title: the claim in one sentence.
        sections: the sections by their headings, in their order.
    """

    claim: str
    name: str
    title: str
    sections: Mapping[str, str]

    @property
    def file(self) -> str:
        """The page's file name."""
        return f"{self.claim.lower()}-{self.name}.html"

    @property
    def order(self) -> tuple[int, int]:
        """The lesson's place in the book."""
        return list(GROUPS).index(self.claim[0]), int(self.claim[1:])

    @property
    def group(self) -> str:
        """The chapter."""
        return GROUPS[self.claim[0]]

    def belongs(self, kind: str) -> tuple[str, ...]:
        """Return the names of the rules, fixes or cards it is about."""
        lines = self.sections.get("Belongs to", "").replace("\n    ", " ")  # a long one goes on
        match = re.search(rf"^{kind}: (.+)$", lines, re.MULTILINE)
        return tuple(name.strip() for name in match[1].split(",")) if match else ()


@dataclass(frozen=True, slots=True)
class Lesson:
    """A lesson's text, its figures, and the experiments whose stored results it shows."""

    text: Text
    figures: "Callable[[], tuple[Figure, ...]]" = field(repr=False)
    experiments: tuple[str, ...] = ()


def lesson(
    docstring: str | None, figures: "Callable[[], tuple[Figure, ...]]", *experiments: str
) -> Lesson:
    """Return the lesson of a file: ``lesson(__doc__, figures, "act-cost")``."""
    return Lesson(read(own_docstring(docstring)), figures, experiments)


def read(docstring: str) -> Text:
    """Split a lesson's docstring into its parts.

    Raises:
        ValueError: the first line is none of a lesson's, or a section is missing, unknown or out
            of its order.
    """
    match = FIRST_LINE.match(docstring)
    if match is None:
        raise ValueError("a lesson's docstring must begin like 'P4 dying-relu: A unit that ..'")
    parts = re.split(r"^## (.+)$", docstring[match.end() :], flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))
    wanted = [name for name in sections if name not in OPTIONAL]
    if wanted != list(SECTIONS) or not all(sections.values()):
        raise ValueError(f"{match['claim']} has the sections {wanted}; it needs {list(SECTIONS)}")
    return Text(match["claim"], match["name"], match["title"].rstrip("."), sections)


def lessons() -> tuple[Lesson, ...]:
    """Return all lessons in the order of the book."""
    known = discover("relume.atlas.lessons", Lesson)
    return tuple(sorted(known, key=lambda one: one.text.order))


@cache
def texts() -> tuple[Text, ...]:
    """Return all lessons' texts in the order of the book, without loading torch or a figure."""
    known = [read(text) for text in pages("relume.atlas.lessons").values()]
    return tuple(sorted(known, key=lambda text: text.order))


def about(kind: str, name: str) -> tuple[Text, ...]:
    """Return the lessons about a rule, a fix or a card: ``about("rules", "dead-units")``."""
    return tuple(text for text in texts() if name in text.belongs(kind))
