"""Reads the rules' and fixes' pages from their files, without importing one of them."""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from rich.console import Console
from rich.text import Text

from relume.core import Severity
from relume.policy.selectors import matching, selection
from relume.registry import families, pages, sources
from relume.report.machine.list_rows import page_row, rows_as_json, rule_row
from relume.report.terminal.style import STYLES, Style, grid
from relume.report.words.sanitise import fold

__all__ = [
    "PageText",
    "explain",
    "fix",
    "matching",
    "rules",
    "rules_as_json",
    "selection",
    "table",
]

PACKAGE = "relume.rules"
FIXES = "relume.fixes"
_FAMILY = re.compile(r"(?P<code>[A-Z]+\d), (?P<about>[^:]+):")
_FIRST = re.compile(r"(?P<code>[A-Z]+\d+)\s+(?P<name>[a-z0-9-]+):\s*(?P<summary>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class PageText:
    """A rule's code, name, first sentence and whole text, and the name of its file."""

    code: str
    name: str
    summary: str
    text: str
    file: str = ""

    @property
    def family(self) -> str:
        """The subject of the rules of its hundred."""
        return family_of(self.code)

    @property
    def severities(self) -> tuple[str, ...]:
        """The severities that its findings can have, least first; empty for a page of no rule."""
        return tuple(declared(PACKAGE).get(self.file, {}).get("severities", ()))

    @property
    def symptom(self) -> bool:
        """Whether its findings are symptoms: notes at most on a run that learns."""
        return bool(declared(PACKAGE).get(self.file, {}).get("symptom", True))

    @property
    def figure(self) -> str:
        """The figure that shows such a cause best."""
        return str(declared(PACKAGE).get(self.file, {}).get("figure", "evidence"))


@cache
def declared(package: str) -> dict[str, dict[str, Any]]:
    """Read what each rule declares in its file's last statement, ``RULE = PAGE.rule(...)``.

    Only that statement is parsed, and nothing runs: the literals among its arguments are returned,
    by file and by keyword.
    """
    return {stem: _literals(text) for stem, text in sources(package).items()}


def _literals(source: str) -> dict[str, Any]:
    start = source.rfind("\nRULE = ")
    (statement,) = ast.parse(source[start:]).body[:1] if start >= 0 else (None,)
    call = statement.value if isinstance(statement, ast.Assign) else None
    values: dict[str, Any] = {}
    for word in call.keywords if isinstance(call, ast.Call) else ():
        try:
            values[str(word.arg)] = ast.literal_eval(word.value)
        except ValueError:  # a name, such as a table of what it explains
            continue
    return values


@cache
def family_names() -> dict[str, str]:
    """Return the subject of each family by the beginning of its codes: ``"ACT4"`` dead units."""
    texts = families(PACKAGE).values()
    return {match["code"]: match["about"] for text in texts if (match := _FAMILY.match(text))}


def family_of(code: str) -> str:
    """Return the subject of the rules of a code's hundred; ``""`` for a code of no rule."""
    return family_names().get(code[:4], "")


def rules(package: str = PACKAGE) -> tuple[PageText, ...]:
    """Return all pages of `package` by code; a file without a page's first line is no rule."""
    rule_pages: list[PageText] = []
    for file, text in pages(package).items():
        head, _, body = text.strip().partition("\n\n")
        match = _FIRST.fullmatch(head)
        if match:
            summary = " ".join(match["summary"].split())
            rule_pages.append(PageText(match["code"], match["name"], summary, body, file))
    return tuple(sorted(rule_pages, key=lambda page: page.code))


def fix(name: str, package: str = FIXES) -> PageText | None:
    """Return the page of the fix of this name; None where there is none."""
    file = name.strip().lower().replace("-", "_")
    text = pages(package).get(file, "").strip() if file.isidentifier() else ""
    head, _, body = text.partition("\n\n")
    title, colon, summary = head.partition(": ")
    if not colon or title != file.replace("_", "-"):
        return None
    return PageText("", title, " ".join(summary.split()), body, file)


def explain(page: PageText, console: Console) -> None:
    """Print a rule's or a fix's page."""
    from rich.markdown import Markdown  # costs more than everything else here

    style = Style(console)
    style.put()
    title = style.text((f"{page.code or 'fix'} ", "bold"), (page.name, "bold cyan"))
    style.rule(title, "cyan", heavy=True)
    style.put(style.text((page.summary, "bold")), left=3)
    style.put()
    with console.capture() as captured:  # rich has signs of its own, which ASCII cannot carry
        style.put(Markdown(page.text.replace("``", "`"), code_theme="ansi_dark"), left=3)
    console.file.write(fold(captured.get(), console.encoding))
    style.put()


def table(known: Sequence[PageText], console: Console) -> None:
    """Print all rules by family: code, name, greatest severity, first sentence."""
    style = Style(console)
    widest = max((len(page.name) for page in known), default=0)  # one column for all families
    for family in dict.fromkeys(page.code[:4] for page in known):
        style.put()
        label = f"{family} {family_of(family)}".strip()
        style.rule(style.text((label, "bold")), "dim")
        rows = [_row(p, widest, style) for p in known if p.code.startswith(family)]
        style.put(grid(rows), left=1)
    style.put()
    words = "The severity is the gravest that a rule can say. "
    words += "If the loss is falling, symptoms are only notes."
    style.put(style.text((words, "dim")))


def _row(page: PageText, widest: int, style: Style) -> tuple[Text, ...]:
    worst = page.severities[-1] if page.severities else ""
    tone = STYLES[Severity.named(worst)] if worst else "dim"
    code = style.text((page.code, "dim"))
    if style.narrow:
        head = style.text((page.name, "bold cyan"), "  ", (worst, tone))
        return code, Text("\n").join([head, style.text(page.summary)])
    called = style.text((f"{page.name:<{widest}}", "bold cyan"))
    return code, called, style.text((f"{worst:<7}", tone)), style.text(page.summary)


def rules_as_json(known: Sequence[PageText]) -> str:
    """Return all rules as a JSON array: code, name, family, severities, symptom, summary."""
    return rows_as_json([rule_row(page) for page in known])


def pages_as_json(known: Sequence[PageText]) -> str:
    """Return pages of rules or fixes as a JSON array: the same, and the text in Markdown."""
    return rows_as_json([page_row(page) for page in known])
