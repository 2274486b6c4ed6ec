"""Reads the severities that a rule can report from its source, without importing it.

`relume rules` must answer at once, and a list kept by hand would go stale. A rule can report the
severities that its file names, and those that the functions name which it imports from the files
that rules share.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from relume.registry import members

LEVELS = {"FACT": "fact", "NOTE": "note", "WARNING": "warning", "ERROR": "error"}
Words = frozenset[str]


@dataclass(frozen=True, slots=True)
class RuleSource:
    """The severities and imports of one file, each of its nodes walked once.

    Attributes:
        levels: the severities that it names anywhere.
        bodies: by the name of a function or class at its top, its severities and the names in it.
        imports: what it imports from its room, as (file, name).
        sign: no ``sign=False`` stands in it.
    """

    levels: Words
    bodies: Mapping[str, tuple[Words, Words]]
    imports: tuple[tuple[str, str], ...]
    symptom: bool


@cache
def severities(package: str) -> Mapping[str, tuple[tuple[str, ...], bool]]:
    """Return for each rule file's name its severities, least first, and whether it is a sign (a
    symptom that is a note at most on a run that learns)."""
    root = files(package)
    shared = {
        entry.name.removesuffix(".py"): _file(ast.parse(entry.read_text("utf-8")), package)
        for entry in root.iterdir()
        if entry.name.endswith(".py")
    }
    rules: dict[str, tuple[tuple[str, ...], bool]] = {}
    for member in members(package):
        *folders, stem = member.removeprefix(f"{package}.").split(".")
        text = root.joinpath(*folders, f"{stem}.py").read_text("utf-8")
        file = _file(ast.parse(text), package)
        rules[stem] = (_ordered(_named(file, shared)), file.symptom)
    return rules


def _ordered(reached: set[str]) -> tuple[str, ...]:
    return tuple(word for level, word in LEVELS.items() if level in reached)


def _named(file: RuleSource, read: Mapping[str, RuleSource]) -> set[str]:
    """Return the severities named in a file and in its imports from shared files."""
    reached = set(file.levels)
    todo = list(file.imports)
    visited: set[tuple[str, str]] = set()
    while todo:
        home, word = item = todo.pop()
        if item in visited or home not in read:
            continue
        visited.add(item)
        body = read[home].bodies.get(word)
        if (
            body is not None
        ):  # a constant, such as the table of what an outcome allows, names no rule's severity
            levels, words = body
            reached |= levels
            todo += [(home, other) for other in words]
            todo += [each for each in read[home].imports if each[1] in words]
    return reached


def _file(tree: ast.Module, package: str) -> RuleSource:
    bodies = {
        node.name: _levels_and_names(node)
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    every = list(ast.walk(tree))
    symptom = not any(isinstance(node, ast.keyword) and _no_symptom(node) for node in every)
    return RuleSource(_levels(every), bodies, tuple(_room_imports(tree, package)), symptom)


def _levels_and_names(body: ast.stmt) -> tuple[Words, Words]:
    every = list(ast.walk(body))
    return _levels(every), frozenset(each.id for each in every if isinstance(each, ast.Name))


def _levels(nodes: Iterable[ast.AST]) -> Words:
    return frozenset(
        each.attr
        for each in nodes
        if isinstance(each, ast.Attribute)
        and isinstance(each.value, ast.Name)
        and each.value.id == "Severity"
        and each.attr in LEVELS
    )


def _room_imports(tree: ast.Module, package: str) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}."):
            home = str(node.module).removeprefix(f"{package}.")
            yield from ((home, alias.name) for alias in node.names)


def _no_symptom(node: ast.keyword) -> bool:
    return (
        node.arg == "symptom" and isinstance(node.value, ast.Constant) and node.value.value is False
    )
