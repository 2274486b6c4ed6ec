"""The generated pages: rules, acts, stats, reference, command line, release notes.

A hook of mkdocs: nothing is written beside the sources, and nothing has a list to edit. A rule's
page is its docstring with the code in `docs/rules/`, an act's page its record and its curve, the
reference the docstrings of the public names; lessons and fixes are their docstrings too. The built
site also gets the atlas, a report of a real run and `llms.txt`.
"""

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import relume
from relume.acts.act import Act
from relume.atlas.lesson import texts
from relume.fixes.ladder import all_fixes
from relume.record.measure.stats import recorded_stats
from relume.registry import discover
from relume.report.rule_pages.pages import rules

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs"))  # mkdocs loads this file by its path alone

from act_page import act_page  # noqa: E402
from built_site import ATLAS, add_atlas, add_llms, add_report  # noqa: E402
from home import home  # noqa: E402
from rule_page import rule_page  # noqa: E402


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those that are written by hand."""
    for name, text in generated():
        files.append(File.generated(config, name, content=text))
    return files


def on_post_build(config: MkDocsConfig) -> None:
    """Add what is no page: the atlas, a real report, and the list of pages for language models."""
    site = Path(config.site_dir)
    add_atlas(site)
    add_report(site)
    add_llms(site, config)


def generated() -> Iterator[tuple[str, str]]:
    """Name and text of every generated page."""
    yield "index.md", home()
    yield from rule_pages()
    yield from act_pages()
    yield from fix_pages()
    yield from lesson_pages()
    yield "reference.md", reference()
    yield "stats.md", stats_page()
    yield "commands.md", commands()
    yield "changelog.md", (ROOT / "CHANGELOG.md").read_text("utf-8")


def rule_pages() -> Iterator[tuple[str, str]]:
    """A page for each rule, and the table of all by family."""
    about = "Each page has broken code, what relume says of it, and the cure."
    parts, family = ["# Rules", "", about, ""], ""
    for rule in sorted(rules(), key=lambda rule: rule.code):
        if rule.family != family:
            family = rule.family
            parts += ["", f"## {family.capitalize()}", "", "| code | name | |", "|---|---|---|"]
        summary = rule.summary.replace("|", r"\|")
        parts.append(f"| {rule.code} | [{rule.name}]({rule.name}.md) | {summary} |")
        yield f"rules/{rule.name}.md", rule_page(rule)
    yield "rules/index.md", "\n".join(parts) + "\n"


def act_pages() -> Iterator[tuple[str, str]]:
    """A page for each act, and the table of all."""
    rows = ["# Acts", "", "| act | f(z) | family | year | kink |", "|---|---|---|---|---|"]
    known = {act.name: act for act in discover("relume.acts", Act)}
    for name, act in sorted(known.items()):
        cells = (f"`{act.formula}`".replace("|", r"\|"), act.family, act.year or "", act.kink)
        rows.append(f"| [{name}]({name}.md) | " + " | ".join(str(cell) for cell in cells) + " |")
        yield f"acts/{name}.md", act_page(act)
    rows += ["", "`relume card NAME` measures one of them on your machine and build."]
    yield "acts/index.md", "\n".join(rows) + "\n"


def fix_pages() -> Iterator[tuple[str, str]]:
    """A page for each fix, and the table of all by what must be known before it is advised."""
    rows = [
        "# Fixes",
        "",
        "How they reach a run, and what cures what: [Fixes at work](../fixes.md).",
    ]
    rows += ["", "| fix | | safety |", "|---|---|---|"]
    for fix in sorted(all_fixes(), key=lambda fix: fix.name):
        first, _, body = fix.page.partition("\n")
        summary = first.partition(": ")[2]
        cells = (f"[{fix.name}]({fix.name}.md)", summary.replace("|", r"\|"), fix.safety.name)
        rows.append("| " + " | ".join(cells) + " |")
        yield f"fixes/{fix.name}.md", f"# {fix.name}\n\n{summary}\n{listed(body)}\n"
    yield "fixes/index.md", "\n".join(rows) + "\n"


def lesson_pages() -> Iterator[tuple[str, str]]:
    """The words of every lesson; the figures move in `relume atlas`."""
    here = f'<a href="../{ATLAS}/index.html">Open the atlas</a>'
    parts = ["# Lessons", "", f"{here} with its figures, which move; or run `relume atlas`."]
    group = ""
    for text in texts():
        if text.group != group:
            group = text.group
            parts += ["", f"## {group}", "", "| lesson | |", "|---|---|"]
        parts.append(f"| [{text.claim} {text.name}]({text.name}.md) | {text.title} |")
        body = [f"# {text.claim} {text.name}", "", f"{text.title}.", ""]
        here = f'<a href="../../{ATLAS}/{text.file}">open it here</a>'
        body.append(f"Its figure moves: {here}, or with `relume atlas {text.name} --open`.")
        for name, section in text.sections.items():
            body += ["", f"## {name}", "", listed(section)]
        yield f"lessons/{text.name}.md", "\n".join(body) + "\n"
    yield "lessons/index.md", "\n".join(parts) + "\n"


def listed(text: str) -> str:
    """``rules: a, b`` as an entry of a list with links, and double backticks single."""
    links = {"rules": "../rules", "fixes": "../fixes", "cards": "../acts"}

    def entry(found: re.Match[str]) -> str:
        names = re.split(r",\s+", found[2].strip())
        made = ", ".join(f"[{name}]({links[found[1]]}/{name}.md)" for name in names)
        return f"- {found[1]}: {made}\n"

    words = r"^(rules|fixes|cards): ((?:[a-z0-9_-]+(?:,\s+)?)+)$\n?"
    return re.sub(words, entry, text.replace("``", "`"), flags=re.MULTILINE)


KINDS = {
    "act": "An act",
    "head": "The head",
    "input": "An input",
    "parameter": "A parameter",
    "run": "Every step",
    "window": "A window",
}


def stats_page() -> str:
    """Every recorded stat from its declaration, by the kind of site that has it."""
    parts = [
        "# Stats",
        "",
        "What a run file holds, one row a declaration in `src/relume/record/measure/stats/`. "
        "Shares lie in [0, 1]; an RMS is over all sampled entries. *Ranks* says how "
        "`relume combine` merges the files of several ranks. Series are never averaged over steps: "
        "thinning keeps values that were measured. Windows add up their fields over records, one "
        "number a unit, and merge by the same laws.",
    ]
    stats = recorded_stats().values()
    for kind, title in KINDS.items():
        parts += [
            "",
            f"## {title}",
            "",
            "| stat | unit | what it is | ranks |",
            "|---|---|---|---|",
        ]
        for stat in stats:
            if stat.kind == kind:
                merge = stat.merge + (f"; shards: {stat.shards}" if stat.shards else "")
                cells = (f"`{stat.name}`", stat.unit, stat.doc, merge)
                parts.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(parts) + "\n"


def reference() -> str:
    """The public names, whose signatures and docstrings mkdocstrings reads from the source."""
    parts = ["# Python", "", "Everything here is `relume.NAME`; `relume.acts` has the acts.", ""]
    for name in relume.__all__:
        parts += [f"::: relume.{name}", ""]
    return "\n".join(parts)


def commands() -> str:
    """Every command with its options, from the program itself."""
    from relume.cli.app import app

    group: Any = typer.main.get_command(app)
    parts = ["# Command line", ""]
    for name, command in sorted(group.commands.items()):
        parts += [f"## relume {name}", "", inspect.cleandoc(command.help or "").split("\f")[0], ""]
        rows = [row for parameter in command.params if (row := option(parameter))]
        parts += (["| option | |", "|---|---|", *rows, ""]) if rows else []
    return "\n".join(parts)


def option(parameter: Any) -> str:
    """One row of a command's table."""
    if getattr(parameter, "hidden", False):
        return ""
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    words = " ".join((getattr(parameter, "help", "") or "").split()).replace("|", r"\|")
    return f"| {names} | {words} |"
