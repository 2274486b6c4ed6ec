"""`# relume: ignore[ACT401]: reason` on a source line, read as Python reads comments.

A text that only looks so, in a string or a docstring, does not count. A comment speaks for its
own line; at the end of a statement over several lines it speaks for the whole statement, since
that is where formatters put it.
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
"""Bytes of source at most: more is generated, and nobody writes comments there."""

_MENTION = re.compile(r"#\s*relume\s*:\s*ignore\b(?P<rest>[^#]*)", re.IGNORECASE)
_REST = re.compile(r"\s*(?:\[(?P<codes>[^\]]*)\])?\s*(?::\s*(?P<reason>.*))?", re.DOTALL)
_LAYOUT = {tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT, tokenize.ENCODING}


@dataclass(frozen=True, slots=True)
class IgnoreComment:
    """One ignore comment.

    Attributes:
        line: where it stands.
        first: the first line for which it speaks; the last one is its own.
        codes: what it silences; None: all rules.
        reason: why, in its author's words; empty if not said.
        alone: nothing else stands on its line, so it speaks for none.
        problem: why it, or a part of it, cannot be followed; empty if all is well.
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


def comments(file: str, known: Sequence[NamedRule]) -> tuple[IgnoreComment, ...]:
    """The ignore comments of a source file; none where it cannot be read.

    Args:
        file: a path as a trace has it; it may be gone, or never have been a file.
        known: the rules that there are.

    Example:
        >>> comments("<stdin>", [])
        ()
    """
    return tuple(_read(token, first, alone, known) for token, first, alone in _mentions(file))


def _mentions(file: str) -> Iterator[tuple[tokenize.TokenInfo, int, bool]]:
    """Each such comment, with the first line of its statement if it ends one, and whether it
    stands alone."""
    path = Path(file)
    begun = 0  # the line on which the statement at hand began; 0 between statements
    held: list[tuple[tokenize.TokenInfo, int]] = []  # a statement's comments, and its beginning
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
                    held.append((token, begun))
                elif token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
                    yield from (_placed(item, start, token.start[0]) for item, start in held)
                    begun, held = 0, []
                elif token.type not in _LAYOUT and not begun:
                    begun = token.start[0]
    except (OSError, ValueError, SyntaxError, tokenize.TokenError):
        yield from (_placed(item, start, 0) for item, start in held)  # what was read so far


def _placed(
    token: tokenize.TokenInfo, begun: int, ended: int
) -> tuple[tokenize.TokenInfo, int, bool]:
    line = token.start[0]
    ends = begun and line == ended
    return token, begun if ends else line, not token.line[: token.start[1]].strip()


def _read(
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
