"""The rules' pages, read from their files without importing one of them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from relume.errors import UnknownNameError
from relume.registry import pages, unknown
from relume.report.ink import Ink, grid
from relume.report.text import fold

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
class Page:
    """A rule's code, name, first sentence and whole text."""

    code: str
    name: str
    summary: str
    text: str


def rules(package: str = "relume.rules") -> tuple[Page, ...]:
    """All pages of `package`, by code; a file without a page's first line is not a rule."""
    found: list[Page] = []
    for text in pages(package).values():
        head, _, body = text.strip().partition("\n\n")
        match = _FIRST.fullmatch(head)
        if match:
            summary = " ".join(match["summary"].split())
            found.append(Page(match["code"], match["name"], summary, body))
    return tuple(sorted(found, key=lambda page: page.code))


def matching(word: str, known: Sequence[Page]) -> tuple[Page, ...]:
    """The rules that a code, a name or the beginning of either selects.

    Raises:
        UnknownNameError: none; the message names the nearest.
    """
    wanted = word.strip().lower()
    exact = [page for page in known if wanted in (page.code.lower(), page.name)]
    begins = [p for p in known if wanted and p.code.lower().startswith(wanted)]
    begins = begins or [p for p in known if wanted and p.name.startswith(wanted)]
    if exact or begins:
        return tuple(exact or begins)
    names = [name for page in known for name in (page.code, page.name)]
    raise UnknownNameError(unknown(word, names, "rule"))


def selection(words: Iterable[str], known: Sequence[Page]) -> tuple[str, ...]:
    """Comma-separated codes, prefixes and names, each checked, as the codes they select."""
    tokens = [token.strip() for word in words for token in word.split(",") if token.strip()]
    codes = [page.code for token in tokens for page in matching(token, known)]
    return tuple(dict.fromkeys(codes))


def explain(page: Page, console: Console) -> None:
    """A rule's page, as the terminal can show it."""
    from rich.markdown import Markdown  # costs more than everything else here

    ink = Ink(console)
    ink.put()
    title = ink.text((f"{page.code} ", "bold"), (page.name, "bold cyan"))
    ink.rule(title, "cyan", heavy=True)
    ink.put(ink.text((page.summary, "bold")), left=3)
    ink.put()
    with console.capture() as captured:  # rich has signs of its own, which ASCII cannot carry
        ink.put(Markdown(page.text.replace("``", "`"), code_theme="ansi_dark"), left=3)
    console.file.write(fold(captured.get(), console.encoding))
    ink.put()


def table(known: Sequence[Page], console: Console) -> None:
    """All rules by family: code, name, first sentence."""
    ink = Ink(console)
    widest = max((len(page.name) for page in known), default=0)  # one column for all families
    families = list(dict.fromkeys(page.code[:4] for page in known))
    for family in families:
        ink.put()
        label = f"{family} {FAMILIES.get(family, '')}".strip()
        ink.rule(ink.text((label, "bold")), "dim")
        rows = [
            (
                ink.text((p.code, "dim")),
                ink.text((f"{p.name:<{widest}}", "bold cyan")),
                ink.text(p.summary),
            )
            for p in known
            if p.code.startswith(family)
        ]
        if ink.narrow:
            rows = [(code, Text("\n").join([name, words])) for code, name, words in rows]
        ink.put(grid(rows), left=1)
    ink.put()
