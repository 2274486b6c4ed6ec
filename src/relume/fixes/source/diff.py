"""A change of a source file as a unified diff."""

import difflib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Source:
    """A source file of the user's: its path, its path below the root, its text, the line, and the
    arguments with which it was run."""

    path: Path
    shown: str
    text: str
    line: int
    argv: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Patch:
    """A change of one file.

    Attributes:
        file: the path as a diff shows it, below the root it was asked for.
        before, after: the whole text.
    """

    file: str
    before: str
    after: str

    def diff(self) -> str:
        """The change as a unified diff, for ``git apply`` or ``patch -p1``."""
        lines = difflib.unified_diff(
            _lines(self.before), _lines(self.after), f"a/{self.file}", f"b/{self.file}"
        )
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for line in lines
        )

    def reverse(self) -> "Patch":
        """The change that undoes this one, byte for byte."""
        return Patch(self.file, self.after, self.before)


def _lines(text: str) -> list[str]:
    """Lines with their ends; only the newline ends one, as in a diff."""
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
