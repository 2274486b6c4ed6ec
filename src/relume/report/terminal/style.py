"""What the terminal at hand can show: its width, its signs, its colours."""

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
    """A console with what it can show."""

    console: Console

    @property
    def plain(self) -> bool:
        """Only ASCII can be shown."""
        return not self.console.encoding.startswith("utf")

    @property
    def width(self) -> int:
        """Cells in a line of ours."""
        return min(self.console.width, WIDEST)

    @property
    def narrow(self) -> bool:
        """Too narrow for three columns."""
        return self.console.width < 72

    def sign(self, char: str) -> str:
        """A marker, or its ASCII stand-in."""
        return _SIGNS[char] if self.plain else char

    def text(self, *parts: str | tuple[str, str]) -> Text:
        """Words as data: no markup in them is read, and all can be encoded."""
        out = Text(overflow="fold")
        for part in parts:
            words, style = (part, "") if isinstance(part, str) else part
            out.append(fold(words, self.console.encoding), style)
        return out

    def put(self, item: RenderableType = "", *, left: int = 0) -> None:
        """Print, indented by `left`."""
        padded = Padding(item, (0, 0, 0, left)) if left else item
        self.console.print(padded, width=self.width, highlight=False, markup=False, emoji=False)

    def rule(self, title: Text, style: str, *, heavy: bool = False) -> None:
        """A line across with a title at its left; a title that is too long takes its own line."""
        char = self.sign("━" if heavy else "─")
        if title.cell_len + 8 > self.width:
            self.put(Rule(characters=char, style=style))
            self.put(title)
        else:
            lead = Text(char * 2 + " ", style)
            tail = Text(" " + char * (self.width - title.cell_len - 4), style)
            self.put(Text.assemble(lead, title, tail))


def grid(rows: Iterable[tuple[RenderableType, ...]], *, gap: int = 2) -> Table:
    """Aligned columns without lines; the last one wraps, the others keep their width."""
    table = Table.grid(padding=(0, gap, 0, 0), pad_edge=False)
    kept = list(rows)
    columns = len(kept[0]) if kept else 1
    for at in range(columns):
        table.add_column(no_wrap=at < columns - 1, overflow="fold")
    for row in kept:
        table.add_row(*row)
    return table
