"""The nouns of a configuration: `Config` and its `SiteIgnore`s."""

from dataclasses import dataclass
from pathlib import Path


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
