"""The generated pages: rules, acts, stats, reference, command line, release notes.

A hook of mkdocs: nothing is written beside the sources, and nothing has a list to edit. A rule's
page is its docstring, an act's page its record, the reference the docstrings of the public names.
A lesson's page is its docstring too, and so is a fix's.
"""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import relume
from relume import acts
from relume.acts.act import Act
from relume.atlas.lesson import texts
from relume.fixes.ladder import all_fixes
from relume.record.measure.stats import recorded_stats
from relume.registry import discover
from relume.report.rule_pages.pages import rules

ROOT = Path(__file__).resolve().parent.parent
SECTIONS = (
    "Args",
    "Returns",
    "Raises",
    "Yields",
    "Example",
    "Attributes",
    "Reference",
    "Stability",
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those that are written by hand."""
    for name, text in generated():
        files.append(File.generated(config, name, content=text))
    return files


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


def home() -> str:
    """The README, with its links as they are from here."""
    text = (ROOT / "README.md").read_text("utf-8")
    text = re.sub(r"\]\(docs/", "](", text)
    text = re.sub(r"\[([^\]]*)\]\((?:examples/README\.md|LICENSE)\)", r"`\1`", text)
    return text.replace("](CHANGELOG.md)", "](changelog.md)")


def rule_pages() -> Iterator[tuple[str, str]]:
    """A page for each rule, and the table of all by family."""
    parts, family = ["# Rules", ""], ""
    for rule in sorted(rules(), key=lambda rule: rule.code):
        if rule.family != family:
            family = rule.family
            parts += ["", f"## {family.capitalize()}", "", "| code | name | |", "|---|---|---|"]
        summary = rule.summary.replace("|", r"\|")
        parts.append(f"| {rule.code} | [{rule.name}]({rule.name}.md) | {summary} |")
        _, _, body = rule.text.partition("\n")
        yield f"rules/{rule.name}.md", f"# {rule.code} {rule.name}\n\n{rule.summary}\n{body}\n"
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


def act_page(act: Act) -> str:
    """What is known of an act before it is measured."""
    facts = {
        "formula": f"`f(z) = {act.formula}`",
        "family": act.family,
        "year": act.year or "",
        "reference": act.reference,
        "kink": act.kink,
        "parameters": ", ".join(f"`{k}={v}`" for k, v in act.defaults.items()) or "none",
    }
    rows = [f"| {key} | {str(value).replace('|', chr(92) + '|')} |" for key, value in facts.items()]
    text = markdown(inspect.getdoc(getattr(acts, act.name, None)) or "")
    table = "\n".join(["| | |", "|---|---|", *rows])
    return f"# {act.name}\n\n{table}\n\n{text}\n\n```sh\nrelume card {act.name}\n```\n"


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
    parts = ["# Lessons", "", "`relume atlas` opens them with their figures, which move."]
    group = ""
    for text in texts():
        if text.group != group:
            group = text.group
            parts += ["", f"## {group}", "", "| lesson | |", "|---|---|"]
        parts.append(f"| [{text.claim} {text.name}]({text.name}.md) | {text.title} |")
        body = [f"# {text.claim} {text.name}", "", f"{text.title}.", ""]
        body.append(f"Its figure moves: `relume atlas {text.name} --open`.")
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
    """The public names with their signatures and docstrings."""
    parts = ["# Python", "", "Everything here is `relume.NAME`; `relume.acts` has the acts.", ""]
    for name in relume.__all__:
        thing: Any = getattr(relume, name)
        parts += [f"## {name}", "", f"```python\n{signature(name, thing)}\n```", ""]
        parts += [markdown(inspect.getdoc(thing) or ""), ""]
        parts += [part for part in methods(thing) if inspect.isclass(thing)]
    return "\n".join(parts)


def methods(thing: Any) -> Iterator[str]:
    """What a class can do, one paragraph a method."""
    for name, member in vars(thing).items():
        if name.startswith("_") or not (inspect.isfunction(member) or isinstance(member, property)):
            continue
        doc = inspect.getdoc(member)
        if doc:
            call = signature(name, member) if inspect.isfunction(member) else name
            yield f"### `{thing.__name__}.{call}`\n\n{markdown(doc)}\n"


def signature(name: str, thing: Any) -> str:
    """The call, as one writes it."""
    try:
        call = str(inspect.signature(thing))
    except (TypeError, ValueError):
        return name
    return name + re.sub(r"'([^']*)'", r"\1", call).replace("self, ", "").replace("(self)", "()")


def markdown(doc: str) -> str:
    """A docstring as Markdown: its sections as lists, its examples and tables as code."""
    out: list[str] = []
    lines = doc.splitlines()
    at = 0
    while at < len(lines):
        line = lines[at]
        word = line.rstrip().removesuffix(":")
        if line.rstrip().endswith(":") and word in SECTIONS:
            block = []
            at += 1
            while at < len(lines) and (not lines[at].strip() or lines[at].startswith(" ")):
                block.append(lines[at])
                at += 1
            out += ["", f"**{word}**", "", *section(word, inspect.cleandoc("\n".join(block)))]
            continue
        out.append(line.replace("``", "`"))
        at += 1
    return "\n".join(fenced(out))


def section(word: str, text: str) -> list[str]:
    """One section: named entries as a list, an example as code."""
    if word == "Example":
        return ["```pycon", text, "```", ""]
    entries = re.split(r"\n(?=\S)", text)
    named = [re.sub(r"\s+", " ", entry).replace("``", "`") for entry in entries if entry.strip()]
    if word in ("Returns", "Yields", "Reference", "Stability"):
        return [" ".join(named), ""]
    return [re.sub(r"^([\w, *]+): ", r"- `\1`: ", entry, count=1) for entry in named] + [""]


def fenced(lines: list[str]) -> list[str]:
    """Tables drawn with `====` are kept as they are drawn."""
    drawn = [at for at, line in enumerate(lines) if re.match(r"=+ =+", line)]
    if len(drawn) < 2:
        return lines
    first, last = drawn[0], drawn[-1]
    return [*lines[:first], "```text", *lines[first : last + 1], "```", *lines[last + 1 :]]


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
