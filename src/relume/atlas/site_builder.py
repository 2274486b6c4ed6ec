"""Writes the atlas as a folder of pages: an index, a page for each lesson, and the appendix.

The pages open from the file system and use no network. Each page holds its text and its figures'
data; the bundle that all pages share draws the figures.
"""

import json
import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from relume import __version__
from relume.atlas.appendix import Leaf, leaves
from relume.atlas.docstring_html import line, prose
from relume.atlas.experiment import experiment
from relume.atlas.figure import Figure
from relume.atlas.lesson import GROUPS, KINDS, Lesson, Text, lessons, texts
from relume.atlas.measured_figures import figure as measured_figure
from relume.atlas.measured_figures import sentences
from relume.atlas.result_cache import stored_result
from relume.errors import UsageError

ASSETS = ("relume.js", "relume.css")
START = """\
// Draws the figures of the page from the data that stand in it.
const data = document.getElementById("lesson-data");
relume.mount(document.body, JSON.parse(data.textContent));
"""
COVER = "P4"
"""The lesson whose figure is on the first page."""

IDS = "abcdefgh"
"""The letters of a page's figures, which a permalink names."""


def write(folder: Path, progress: Callable[[str], None] = lambda what: None) -> Path:
    """Write the atlas into `folder`, which is made if need be; return its first page.

    Raises:
        UsageError: the folder is a file, or cannot be written to.
    """
    try:
        return _write(folder, progress)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(f"the atlas cannot be written to {str(folder)!r}: {reason}.") from None


def _write(folder: Path, progress: Callable[[str], None]) -> Path:
    (folder / "assets").mkdir(parents=True, exist_ok=True)
    for name in ASSETS:
        (folder / "assets" / name).write_bytes((files("relume") / "web" / name).read_bytes())
    (folder / "assets" / "start.js").write_text(START, "utf-8")
    progress("the appendix")
    appendix: dict[str, list[Leaf]] = {kind: [] for kind in KINDS}
    for leaf in leaves():
        appendix[leaf.kind].append(leaf)
    known = {kind: {leaf.name for leaf in some} for kind, some in appendix.items()}
    book = lessons()
    pages = _templates()
    for kind, some in appendix.items():
        (folder / kind).mkdir(exist_ok=True)
        for leaf in some:
            figures = {"a": leaf.figure} if leaf.figure else {}
            text = pages.get_template("leaf.html").render(
                leaf=leaf, root="../", data=_data(figures), figures=figures, version=__version__
            )
            (folder / kind / f"{leaf.name}.html").write_text(text, "utf-8")
    for at, one in enumerate(book):
        progress(f"{one.text.claim} {one.text.name}")
        before = book[at - 1].text if at else None
        after = book[at + 1].text if at + 1 < len(book) else None
        text = _lesson_page(pages, one, known, before, after)
        (folder / one.text.file).write_text(text, "utf-8")
    first = folder / "index.html"
    chapters = [
        (name, [one.text for one in book if one.text.claim[0] == letter])
        for letter, name in GROUPS.items()
    ]
    cover = {"a": next(one for one in book if one.text.claim == COVER).figures()[0]}
    text = pages.get_template("index.html").render(
        chapters=chapters,
        appendix=appendix,
        figures=cover,
        root="",
        data=_data(cover),
        version=__version__,
    )
    first.write_text(text, "utf-8")
    return first


def page_figures(one: Lesson) -> tuple[dict[str, Figure], dict[str, Figure]]:
    """Return a lesson's figures by their letters: the interactive ones, and the measured ones."""
    moving = list(one.figures())
    figures = (measured_figure(experiment(name)) for name in one.experiments)
    measured = [made for made in figures if made is not None]
    named = dict(zip(IDS, [*moving, *measured], strict=False))
    return dict(list(named.items())[: len(moving)]), dict(list(named.items())[len(moving) :])


def _lesson_page(
    pages: Environment,
    one: Lesson,
    known: Mapping[str, set[str]],
    before: Text | None,
    after: Text | None,
) -> str:
    figures, measured = page_figures(one)
    return pages.get_template("lesson.html").render(
        text=one.text,
        figures=figures,
        measured=measured,
        results=[_result_sentences(name) for name in one.experiments],
        links={kind: [(n, n in known[kind]) for n in one.text.belongs(kind)] for kind in KINDS},
        before=before,
        after=after,
        root="",
        data=_data({**figures, **measured}),
        version=__version__,
    )


def _result_sentences(name: str) -> tuple[str, list[tuple[str, str]]]:
    """Return what was judged, and the verdicts on it."""
    one = experiment(name)
    result = stored_result(one)
    return one.columns[one.objective], sentences(one, result) if result else []


def _data(figures: Mapping[str, Figure]) -> Markup:
    """Return the page's data as JSON that no text in it can leave: `<` is written as an escape."""
    data: dict[str, Any] = {
        "kind": "lesson",
        "figures": {k: f.to_json() for k, f in figures.items()},
    }
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028"))


def _linked(html: str) -> str:
    """Turn ``lesson dead-pieces`` into a link to that lesson."""
    known = {text.name: text for text in texts()}

    def link(match: re.Match[str]) -> str:
        to = known.get(match[1])
        return match[0] if to is None else f'lesson <a href="{to.file}">{line(to.title)}</a>'

    return re.sub(r"lesson ([a-z0-9]+(?:-[a-z0-9]+)+)", link, html)


def _prose(text: str) -> Markup:
    return Markup(_linked(prose(text)))


def _line(text: str) -> Markup:
    return Markup(line(text))


def _opening_sentence(figure: Figure) -> str:
    return figure.sentence(figure.start)


def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("relume.atlas", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["prose"] = _prose
    made.filters["line"] = _line
    made.filters["safe_html"] = Markup
    known: dict[str, Any] = made.globals
    known["opening_sentence"] = _opening_sentence
    return made
