"""Reads `# relume: ignore[ACT401]: reason` comments of source files, by Python's tokens.

A text that only looks so, in a string or a docstring, does not count. A comment covers its own
line; at the end of a statement over several lines it covers the whole statement, since that is
where formatters put it.
"""

import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from relume.errors import UnknownNameError
from relume.policy.selectors import NamedRule, selection

LARGEST = 10_000_000
"""Bytes of source at most: larger files are generated, and have no such comments."""

_MENTION = re.compile(r"#\s*relume\s*:\s*ignore\b(?P<rest>[^#]*)", re.IGNORECASE)
_REST = re.compile(r"\s*(?:\[(?P<codes>[^\]]*)\])?\s*(?::\s*(?P<reason>.*))?", re.DOTALL)
_LAYOUT = {tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT, tokenize.ENCODING}


@dataclass(frozen=True, slots=True)
class IgnoreComment:
    """One ignore comment.

    Attributes:
        line: its own line, the last that it covers.
        first: the first line that it covers.
        codes: the rules that it silences; None: all rules.
        reason: why, in its author's words; empty if not said.
        alone: nothing else stands on its line, so it covers none.
        problem: why it, or a part of it, is not understood; empty if all of it is.
    """

    line: int
    first: int
    codes: frozenset[str] | None = None
    reason: str = ""
    alone: bool = False
    problem: str = ""

    def covers(self, line: int, code: str) -> bool:
        """Whether it silences the rule on that line."""
        there = self.first <= line <= self.line and not self.alone
        return there and (self.codes is None or code in self.codes)


def ignore_comments(file: str, known: Sequence[NamedRule]) -> tuple[IgnoreComment, ...]:
    """Read the ignore comments of a source file; none where it cannot be read.

    Args:
        file: a path as a trace has it; it may be gone, or never have been a file.
        known: all rules.

    Example:
        >>> ignore_comments("<stdin>", [])
        ()
    """
    return tuple(
        _parse_comment(token, first, alone, known) for token, first, alone in _mentions(file)
    )


def _mentions(file: str) -> Iterator[tuple[tokenize.TokenInfo, int, bool]]:
    """Yield each such comment, with the first line of its statement if it ends one, and whether it
    stands alone."""
    path = Path(file)
    begun = 0  # the first line of the current statement; 0 between statements
    pending: list[tuple[tokenize.TokenInfo, int]] = []  # comments of a statement, with its begin
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:  # never open a device or a pipe
            return
        with tokenize.open(path) as stream:
            text = stream.read()
        if not _MENTION.search(text):  # most files: reading tokens costs a hundred times as much
            return
        with io.StringIO(text) as stream:
            for token in tokenize.generate_tokens(stream.readline):
                if token.type == tokenize.COMMENT and _MENTION.search(token.string):
                    pending.append((token, begun))
                elif token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
                    yield from (_place(item, start, token.start[0]) for item, start in pending)
                    begun, pending = 0, []
                elif token.type not in _LAYOUT and not begun:
                    begun = token.start[0]
    except (OSError, ValueError, SyntaxError, tokenize.TokenError):
        yield from (_place(item, start, 0) for item, start in pending)  # what was read so far


def _place(
    token: tokenize.TokenInfo, begun: int, ended: int
) -> tuple[tokenize.TokenInfo, int, bool]:
    line = token.start[0]
    ends = begun and line == ended
    return token, begun if ends else line, not token.line[: token.start[1]].strip()


def _parse_comment(
    token: tokenize.TokenInfo, first: int, alone: bool, known: Sequence[NamedRule]
) -> IgnoreComment:
    line = token.start[0]
    mention = _MENTION.search(token.string)
    rest = _REST.fullmatch(mention["rest"].strip()) if mention else None
    if rest is None or (rest["codes"] is not None and not rest["codes"].strip(" ,")):
        problem = "it is not understood; write '# relume: ignore[ACT401]: reason'"
        return IgnoreComment(line, first, frozenset(), alone=alone, problem=problem)
    reason = " ".join((rest["reason"] or "").split())
    if rest["codes"] is None:
        return IgnoreComment(line, first, None, reason, alone)
    codes, problem = set[str](), ""
    for word in rest["codes"].split(","):
        try:
            codes.update(selection([word], known))
        except UnknownNameError as error:
            problem = problem or str(error).rstrip(".")
    return IgnoreComment(line, first, frozenset(codes), reason, alone, problem)
