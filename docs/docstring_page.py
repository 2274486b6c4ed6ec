"""Docstrings as Markdown: sections as lists, examples and drawn tables as code."""

import inspect
import re

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
