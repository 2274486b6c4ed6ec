"""Fits output to the terminal at hand: its width, its signs, its colours."""

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from relume.core import Severity
from relume.report.words.sanitise import fold

WIDEST = 120
"""Beyond this a line of prose is hard to follow; wider terminals keep a margin."""

STYLES = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "bold yellow",
    Severity.NOTE: "cyan",
    Severity.FACT: "dim",
}
_SIGNS = {"✗": "x", "✓": "+", "?": "?", "○": "o", "·": "-", "│": "|", "→": ">", "━": "=", "─": "-"}


@dataclass(frozen=True, slots=True)
class Style:
    """A console, and how to print on it within what it can show."""

    console: Console

    @property
    def plain(self) -> bool:
        """Whether the console shows only ASCII."""
        return not self.console.encoding.startswith("utf")

    @property
    def width(self) -> int:
        """The cells of a line."""
        return min(self.console.width, WIDEST)

    @property
    def narrow(self) -> bool:
        """Whether the console is too narrow for three columns."""
        return self.console.width < 72

    def sign(self, char: str) -> str:
        """Return a marker, or its ASCII replacement."""
        return _SIGNS[char] if self.plain else char

    def text(self, *parts: str | tuple[str, str]) -> Text:
        """Return words as data: no markup in them is read, and all of them can be encoded."""
        out = Text(overflow="fold")
        for part in parts:
            words, style = (part, "") if isinstance(part, str) else part
            out.append(fold(words, self.console.encoding), style)
        return out

    def put(self, item: RenderableType = "", *, left: int = 0) -> None:
        """Print `item`, indented by `left`."""
        padded = Padding(item, (0, 0, 0, left)) if left else item
        self.console.print(padded, width=self.width, highlight=False, markup=False, emoji=False)

    def put_whole(self, item: Text) -> None:
        """Print a line that no margin breaks: a command to paste, a line of a patch."""
        self.console.print(item, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def rule(self, title: Text, style: str, *, heavy: bool = False) -> None:
        """Print a line across with a title at its left; a long title gets its own line."""
        char = self.sign("━" if heavy else "─")
        if title.cell_len + 8 > self.width:
            self.put(Rule(characters=char, style=style))
            self.put(title)
        else:
            lead = Text(char * 2 + " ", style)
            tail = Text(" " + char * (self.width - title.cell_len - 4), style)
            self.put(Text.assemble(lead, title, tail))


def grid(rows: Iterable[tuple[RenderableType, ...]], *, gap: int = 2) -> Table:
    """Return aligned columns without lines; the last one wraps, the others keep their width."""
    table = Table.grid(padding=(0, gap, 0, 0), pad_edge=False)
    cells = list(rows)
    columns = len(cells[0]) if cells else 1
    for at in range(columns):
        table.add_column(no_wrap=at < columns - 1, overflow="fold")
    for row in cells:
        table.add_row(*row)
    return table
