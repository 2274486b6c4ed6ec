"""The nouns of a configuration: `Config` and its `SiteIgnore`s."""

from dataclasses import dataclass
from pathlib import Path

from relume.core import Severity
from relume.registry import lookup

LEVELS = ("note", "warning", "error")
"""The severities that a run may fail on; a fact is never harm."""
STALLED = "stalled"
"""What else a run may fail on: it stalled, diverged, or nothing of it was seen."""
FAIL_ON = "warning,stalled"


def fail_on_words(text: str) -> tuple[Severity, bool]:
    """Return the least severity that fails a run, and whether one that has not learned fails too.

    Raises:
        UnknownNameError: a word that is neither; the message names the nearest.

    Example:
        >>> fail_on_words("error,stalled")
        (<Severity.ERROR: 3>, True)
    """
    words = [word.strip() for word in text.split(",")]
    for word in words:
        lookup(word, dict.fromkeys((*LEVELS, STALLED)), "severity")
    levels = [Severity.named(word) for word in words if word != STALLED]
    return min(levels, default=Severity.ERROR), STALLED in words


@dataclass(frozen=True, slots=True)
class SiteIgnore:
    """Rules that are silent at some sites, and why.

    Attributes:
        site: a glob over site names; ``*`` is any, ``(model)`` the whole model.
        codes: the rules' codes.
        reason: why, in the project's words; never empty.
    """

    site: str
    codes: frozenset[str]
    reason: str


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of a project. None or empty: not set.

    Attributes:
        file: the file that has it; None if there is none.
        select, ignore: rules, as written.
        fail_on, output_format: checked words.
        budget: share of the wall time for recording.
        baseline, dir: paths, made absolute from the file's folder.
        site_ignores: see `SiteIgnore`.
    """

    file: Path | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: str | None = None
    output_format: str | None = None
    budget: float | None = None
    baseline: Path | None = None
    dir: Path | None = None
    site_ignores: tuple[SiteIgnore, ...] = ()
