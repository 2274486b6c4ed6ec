"""The rules' pages, read from their files without importing one of them."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from relume.core import Severity
from relume.policy.selectors import matching, selection
from relume.registry import pages
from relume.report.rule_pages.severities import severities
from relume.report.terminal.style import STYLES, Style, grid
from relume.report.words.sanitise import fold

__all__ = [
    "FAMILIES",
    "PageText",
    "explain",
    "fix",
    "listed_as_json",
    "matching",
    "rules",
    "selection",
    "table",
]

PACKAGE = "relume.rules"
FIXES = "relume.fixes"
FAMILIES = {
    "ACT0": "what could not be seen",
    "ACT1": "structure",
    "ACT2": "output and loss",
    "ACT3": "initialisation",
    "ACT4": "dead units",
    "ACT5": "saturation",
    "ACT6": "gradient flow and learning rate",
    "ACT7": "inputs",
    "ACT8": "numerics and cost",
}
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
        """What the rules of its hundred are about."""
        return FAMILIES.get(self.code[:4], "")

    @property
    def severities(self) -> tuple[str, ...]:
        """What its findings may be, least first; empty for a page that is no rule's file."""
        return severities(PACKAGE).get(self.file, ((), True))[0]

    @property
    def symptom(self) -> bool:
        """Its findings are symptoms: notes at most on a run that learns."""
        return severities(PACKAGE).get(self.file, ((), True))[1]


def rules(package: str = PACKAGE) -> tuple[PageText, ...]:
    """All pages of `package`, by code; a file without a page's first line is not a rule."""
    found: list[PageText] = []
    for file, text in pages(package).items():
        head, _, body = text.strip().partition("\n\n")
        match = _FIRST.fullmatch(head)
        if match:
            summary = " ".join(match["summary"].split())
            found.append(PageText(match["code"], match["name"], summary, body, file))
    return tuple(sorted(found, key=lambda page: page.code))


def fix(name: str, package: str = FIXES) -> PageText | None:
    """The page of the fix of this name; None where there is none."""
    file = name.strip().lower().replace("-", "_")
    text = pages(package).get(file, "").strip() if file.isidentifier() else ""
    head, _, body = text.partition("\n\n")
    title, colon, summary = head.partition(": ")
    if not colon or title != file.replace("_", "-"):
        return None
    return PageText("", title, " ".join(summary.split()), body, file)


def explain(page: PageText, console: Console) -> None:
    """A rule's or a fix's page, as the terminal can show it."""
    from rich.markdown import Markdown  # costs more than everything else here

    ink = Style(console)
    ink.put()
    title = ink.text((f"{page.code or 'fix'} ", "bold"), (page.name, "bold cyan"))
    ink.rule(title, "cyan", heavy=True)
    ink.put(ink.text((page.summary, "bold")), left=3)
    ink.put()
    with console.capture() as captured:  # rich has signs of its own, which ASCII cannot carry
        ink.put(Markdown(page.text.replace("``", "`"), code_theme="ansi_dark"), left=3)
    console.file.write(fold(captured.get(), console.encoding))
    ink.put()


def table(known: Sequence[PageText], console: Console) -> None:
    """All rules by family: code, name, how grave it can be, first sentence."""
    ink = Style(console)
    widest = max((len(page.name) for page in known), default=0)  # one column for all families
    families = list(dict.fromkeys(page.code[:4] for page in known))
    for family in families:
        ink.put()
        label = f"{family} {FAMILIES.get(family, '')}".strip()
        ink.rule(ink.text((label, "bold")), "dim")
        rows = [_row(p, widest, ink) for p in known if p.code.startswith(family)]
        ink.put(grid(rows), left=1)
    ink.put()
    words = (
        "The severity is the gravest that a rule can say; on a run that learns a sign is a note."
    )
    ink.put(ink.text((words, "dim")))


def _row(page: PageText, widest: int, ink: Style) -> tuple[Text, ...]:
    worst = page.severities[-1] if page.severities else ""
    style = STYLES[Severity.named(worst)] if worst else "dim"
    code = ink.text((page.code, "dim"))
    if ink.narrow:
        head = ink.text((page.name, "bold cyan"), "  ", (worst, style))
        return code, Text("\n").join([head, ink.text(page.summary)])
    called = ink.text((f"{page.name:<{widest}}", "bold cyan"))
    return code, called, ink.text((f"{worst:<7}", style)), ink.text(page.summary)


def listed_as_json(known: Sequence[PageText]) -> str:
    """All rules as a JSON array: code, name, family, severities, sign, summary."""
    rows = [
        {
            "code": page.code,
            "name": page.name,
            "family": page.code[:4],
            "about": page.family,
            "severities": list(page.severities),
            "sign": page.symptom,
            "summary": page.summary,
        }
        for page in known
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)
