"""Reads the rules' and fixes' pages from their files, without importing one of them."""

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
    "matching",
    "rules",
    "rules_as_json",
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
    "ACT9": "wiring",
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
        """The subject of the rules of its hundred."""
        return FAMILIES.get(self.code[:4], "")

    @property
    def severities(self) -> tuple[str, ...]:
        """The severities that its findings can have, least first; empty for a page of no rule."""
        return severities(PACKAGE).get(self.file, ((), True))[0]

    @property
    def symptom(self) -> bool:
        """Whether its findings are symptoms: notes at most on a run that learns."""
        return severities(PACKAGE).get(self.file, ((), True))[1]


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
    families = list(dict.fromkeys(page.code[:4] for page in known))
    for family in families:
        style.put()
        label = f"{family} {FAMILIES.get(family, '')}".strip()
        style.rule(style.text((label, "bold")), "dim")
        rows = [_row(p, widest, style) for p in known if p.code.startswith(family)]
        style.put(grid(rows), left=1)
    style.put()
    words = (
        "The severity is the gravest that a rule can say; on a run that learns a sign is a note."
    )
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
    """Return all rules as a JSON array: code, name, family, severities, sign, summary."""
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
