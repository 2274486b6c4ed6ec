"""Selects rules by a code, the beginning of one, or a name."""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from relume.errors import UnknownNameError
from relume.registry import unknown


class NamedRule(Protocol):
    """Anything with a rule's code and name: a page, a finding, the rule itself."""

    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=NamedRule)


def matching(word: str, known: Sequence[N]) -> tuple[N, ...]:
    """Return the rules that a code, a name or the beginning of either selects.

    Raises:
        UnknownNameError: no rule matches; the message names the nearest.
    """
    wanted = word.strip().lower()
    exact = [page for page in known if wanted in (page.code.lower(), page.name)]
    begins = [p for p in known if wanted and p.code.lower().startswith(wanted)]
    begins = begins or [p for p in known if wanted and p.name.startswith(wanted)]
    if exact or begins:
        return tuple(exact or begins)
    names = [name for page in known for name in (page.code, page.name)]
    raise UnknownNameError(unknown(word, names, "rule"))


def selection(
    words: Iterable[str], known: Sequence[NamedRule], *, blank: bool = True
) -> tuple[str, ...]:
    """Return the codes that comma-separated codes, prefixes and names select.

    Args:
        words: as written; one text alone counts as one word.
        known: all rules.
        blank: whether a blank word selects nothing (an unset variable of a shell) or is an error.

    Raises:
        UnknownNameError: a word that selects no rule; the message names the nearest.
    """
    # a single string is a sequence of letters, which is never meant
    words = [words] if isinstance(words, str) else words
    tokens: list[str] = []
    for word in words:
        named = [token.strip() for token in word.split(",") if token.strip()]
        tokens += named if named or blank else [word]
    codes = [page.code for token in tokens for page in matching(token, known)]
    return tuple(dict.fromkeys(codes))
