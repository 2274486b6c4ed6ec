"""How grave a rule's findings can be, read from its source without importing it.

`relume rules` must answer at once, and a list kept by hand would be wrong one day: the severities
that a rule's file names, or that the functions name which it takes from the room's private files,
are the severities that it can say.
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files

LEVELS = {"FACT": "fact", "NOTE": "note", "WARNING": "warning", "ERROR": "error"}
Body = Mapping[str, ast.stmt]


@cache
def gravities(package: str) -> Mapping[str, tuple[tuple[str, ...], bool]]:
    """By a rule file's name: what its findings may be, least first, and whether it is a sign (a
    symptom that is a note at most on a run that learns)."""
    trees = {
        entry.name.removesuffix(".py"): ast.parse(entry.read_text("utf-8"))
        for entry in files(package).iterdir()
        if entry.name.endswith(".py")
    }
    return {
        name: (_ordered(_named(name, tree, trees, package)), not _no_sign(tree))
        for name, tree in trees.items()
        if not name.startswith("_")
    }


def _ordered(found: set[str]) -> tuple[str, ...]:
    return tuple(word for level, word in LEVELS.items() if level in found)


def _named(name: str, tree: ast.Module, trees: Mapping[str, ast.Module], package: str) -> set[str]:
    """The severities named in a file, and in what it takes from private ones, however far."""
    found = set(_levels(tree))
    todo = list(_taken(tree, package))
    seen: set[tuple[str, str]] = set()
    while todo:
        home, word = item = todo.pop()
        if item in seen or home not in trees or not home.startswith("_"):
            continue
        seen.add(item)
        body = _bound(trees[home]).get(word)
        if body is not None:  # a table of what an outcome allows, say, is no rule's word
            found |= set(_levels(body))
            todo += [(home, other) for other in _words(body)]
            todo += [each for each in _taken(trees[home], package) if each[1] in _words(body)]
    return found


def _levels(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name):
            yield from {each.attr} & set(LEVELS) if each.value.id == "Severity" else ()


def _taken(tree: ast.Module, package: str) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}."):
            home = str(node.module).removeprefix(f"{package}.")
            yield from ((home, alias.name) for alias in node.names)


def _bound(tree: ast.Module) -> Body:
    return {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}


def _words(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _no_sign(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.keyword)
        and node.arg == "sign"
        and isinstance(node.value, ast.Constant)
        and node.value.value is False
        for node in ast.walk(tree)
    )
