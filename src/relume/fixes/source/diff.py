"""Shows a change of a source file as a unified diff."""

import difflib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Source:
    """A source file of the user.

    Attributes:
        path: the file.
        relative: its path below the root, as a diff shows it.
        text: its whole text.
        line: the line to change; 0 if unknown.
        argv: the arguments with which it was run.
    """

    path: Path
    relative: str
    text: str
    line: int
    argv: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Patch:
    """A change of one file.

    Attributes:
        file: the path below the root, as a diff shows it.
        before, after: the whole text of the file.
    """

    file: str
    before: str
    after: str

    def diff(self) -> str:
        """Return the change as a unified diff, for ``git apply`` or ``patch -p1``."""
        lines = difflib.unified_diff(
            _lines(self.before), _lines(self.after), f"a/{self.file}", f"b/{self.file}"
        )
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
            for line in lines
        )

    def reverse(self) -> "Patch":
        """Return the change that undoes this one, byte for byte."""
        return Patch(self.file, self.after, self.before)


def _lines(text: str) -> list[str]:
    """Split into lines with their ends; only the newline ends one, as in a diff."""
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])
