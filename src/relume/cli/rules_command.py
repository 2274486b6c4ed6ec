"""`relume explain` and `relume rules`: show the rules' pages, without importing a rule."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from relume.errors import UsageError
from relume.registry import unknown
from relume.report.console import console

if TYPE_CHECKING:
    from relume.report.rule_pages.pages import PageText


def explain(
    rule: Annotated[
        str | None,
        typer.Argument(metavar="RULE|FIX", help="A code, a name, or a beginning; or a fix's name."),
    ] = None,
) -> int:
    """Show a rule's page: what it finds, why it hurts, how it is measured, what cures it; or a
    fix's: what it does, when it helps, what it changes."""
    from relume.report.rule_pages import pages as views

    remedy = None if rule is None else views.fix(rule)
    if remedy is not None:
        views.explain(lesson_links("fixes", remedy), console())
        return 0
    known = views.rules()
    chosen = views.matching(rule, known) if rule is not None else known
    if len(chosen) == 1:
        views.explain(lesson_links("rules", chosen[0]), console())
    else:
        views.table(chosen, console())
    return 0


def lesson_links(kind: str, page: "PageText") -> "PageText":
    """Return the page with links to the atlas' lessons about it."""
    from relume.atlas.lesson import about

    texts = about(kind, page.name)
    if not texts:
        return page
    lines = [f"- {text.claim} {text.title} (`relume atlas {text.name} --open`)" for text in texts]
    return replace(page, text="\n".join([page.text.rstrip(), "", "## Lessons", *lines, ""]))


def rules(
    form: Annotated[
        str, typer.Option("--output-format", metavar="full|json", help="A table, or data.")
    ] = "full",
) -> int:
    """List all rules, by family, with the gravest that each can say."""
    if form not in ("full", "json"):
        raise UsageError(unknown(form, ("full", "json"), "output format"))
    if form == "full":
        return explain(None)
    from relume.report.machine.json_file import emit
    from relume.report.rule_pages import pages as views

    emit(views.rules_as_json(views.rules()))
    return 0
