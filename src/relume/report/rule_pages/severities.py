"""How grave a rule's findings can be, read from its source without importing it.

`relume rules` must answer at once, and a list kept by hand would be wrong one day: the severities
that a rule's file names, or that the functions name which it takes from the room's private files,
are the severities that it can say.
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
    """What one file says, each of its nodes walked once.

    Attributes:
        levels: the severities that are named anywhere in it.
        bodies: by the name of a function or class at its top, its severities and the names in it.
        taken: what it imports from its room, as (file, name).
        symptom: no ``symptom=False`` stands in it.
    """

    levels: Words
    bodies: Mapping[str, tuple[Words, Words]]
    taken: tuple[tuple[str, str], ...]
    symptom: bool


@cache
def severities(package: str) -> Mapping[str, tuple[tuple[str, ...], bool]]:
    """By a rule file's name: what its findings may be, least first, and whether it is a symptom
    (that is a note at most on a run that learns)."""
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


def _ordered(found: set[str]) -> tuple[str, ...]:
    return tuple(word for level, word in LEVELS.items() if level in found)


def _named(file: RuleSource, read: Mapping[str, RuleSource]) -> set[str]:
    """The severities named in a file, and in what it takes from shared ones, however far."""
    found = set(file.levels)
    todo = list(file.taken)
    seen: set[tuple[str, str]] = set()
    while todo:
        home, word = item = todo.pop()
        if item in seen or home not in read:
            continue
        seen.add(item)
        body = read[home].bodies.get(word)
        if body is not None:  # a table of what an outcome allows, say, is no rule's word
            levels, words = body
            found |= levels
            todo += [(home, other) for other in words]
            todo += [each for each in read[home].taken if each[1] in words]
    return found


def _file(tree: ast.Module, package: str) -> RuleSource:
    bodies = {
        node.name: _spoken(node)
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    every = list(ast.walk(tree))
    symptom = not any(isinstance(node, ast.keyword) and _no_symptom(node) for node in every)
    return RuleSource(_levels(every), bodies, tuple(_taken(tree, package)), symptom)


def _spoken(body: ast.stmt) -> tuple[Words, Words]:
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


def _taken(tree: ast.Module, package: str) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}."):
            home = str(node.module).removeprefix(f"{package}.")
            yield from ((home, alias.name) for alias in node.names)


def _no_symptom(node: ast.keyword) -> bool:
    return (
        node.arg == "symptom" and isinstance(node.value, ast.Constant) and node.value.value is False
    )
