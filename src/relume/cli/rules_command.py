"""`relume explain` and `relume rules`: show the rules' pages, without importing a rule."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from relume.cli.options import ListForm, wants_json
from relume.report.console import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relume.report.rule_pages.pages import PageText


def explain(
    rule: Annotated[
        str | None,
        typer.Argument(metavar="RULE|FIX", help="A code, a name, or a beginning; or a fix's name."),
    ] = None,
    form: ListForm = "full",
) -> int:
    """Show a rule's page: what it finds, why it hurts, how it is measured, what cures it; or a
    fix's: what it does, when it helps, what it changes."""
    from relume.report.rule_pages import pages as views

    data = wants_json(form)
    remedy = None if rule is None else views.fix(rule)
    if data:
        chosen = [remedy] if remedy else views.matching(rule, views.rules()) if rule else None
        _emit_pages(views.rules() if chosen is None else chosen)
    elif remedy is not None:
        views.explain(lesson_links("fixes", remedy), console())
    else:
        known = views.rules()
        pages = views.matching(rule, known) if rule is not None else known
        if len(pages) == 1:
            views.explain(lesson_links("rules", pages[0]), console())
        else:
            views.table(pages, console())
    return 0


def _emit_pages(chosen: "Sequence[PageText]") -> None:
    """Write pages as JSON: what `relume rules` says of each, and its text in Markdown."""
    from relume.report.machine.json_file import emit
    from relume.report.rule_pages.pages import pages_as_json

    emit(pages_as_json(chosen))


def lesson_links(kind: str, page: "PageText") -> "PageText":
    """Return the page with links to the atlas' lessons about it."""
    from relume.atlas.lesson import about

    texts = about(kind, page.name)
    if not texts:
        return page
    lines = [f"- {text.claim} {text.title} (`relume atlas {text.name} --open`)" for text in texts]
    return replace(page, text="\n".join([page.text.rstrip(), "", "## Lessons", *lines, ""]))


def rules(
    form: ListForm = "full",
) -> int:
    """List all rules, by family, with the gravest that each can say."""
    if not wants_json(form):
        return explain(None)
    from relume.report.machine.json_file import emit
    from relume.report.rule_pages import pages as views

    emit(views.rules_as_json(views.rules()))
    return 0
