"""Finds where a layer or act is made in the user's source, by reading that source; nothing runs.

A recording knows the line at which a module was *called*, which for a `Sequential` is the one call
of the model. What a person changes is the expression that makes the layer. It is looked for in the
file of the call and in the script, and taken only where it is the only candidate: an attribute
(``self.act = nn.ReLU()`` for ``block.act``), the position in a `Sequential`, or the only place in
the file where that act is spelled. Else the call stays.
"""

import ast
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

LARGEST = 2_000_000
"""Bytes of a source that is read; a larger one is generated."""


@dataclass(frozen=True, slots=True)
class CodeSpan:
    """A place in a source: the line's text, and the characters of it that are meant.

    `made` tells the place where something is made from one where it is only called.
    """

    file: str
    line: int
    text: str
    start: int = 0
    end: int = 0
    made: bool = False


def code_span(
    file: str, line: int, *, site: str = "", act: str = "", script: str = ""
) -> CodeSpan | None:
    """Return where the module of `site` is made, else its call; None where neither can be read.

    Args:
        file: of the call, as recorded.
        line: of the call.
        site: the site's name; a function (``"block.relu()"``) is changed where it is called.
        act: the act's name, where the site is one.
        script: the script, which often makes the model that another file trains.
    """
    sources = [name for name in dict.fromkeys((file, script)) if name]
    if site and not site.split("#")[0].endswith(")"):
        path = site.split("#")[0]
        for name in sources:
            spots = _made(_tree(name), path, act)
            if len(spots) == 1:
                return _span(name, spots[0], made=True)
    return _called(file, line, act)


def _called(file: str, line: int, act: str) -> CodeSpan | None:
    lines = _lines(file)
    if not 0 < line <= len(lines):
        return None
    text = lines[line - 1]
    calls = [node for node in _calls(_tree(file)) if node.lineno == line]
    spelled = [node for node in calls if act and _plain(_callee(node)) == _plain(act)]
    if len(spelled) == 1:
        return _span(file, spelled[0], made=True)
    return CodeSpan(file, line, text)


def _span(file: str, node: ast.expr, *, made: bool) -> CodeSpan:
    text = _lines(file)[node.lineno - 1]
    start = _chars(text, node.col_offset)
    whole = node.end_lineno == node.lineno and node.end_col_offset is not None
    end = _chars(text, node.end_col_offset or 0) if whole else len(text.rstrip())
    return CodeSpan(file, node.lineno, text, start, end, made)


def _chars(text: str, offset: int) -> int:
    """Return an offset in bytes of UTF-8, as `ast` counts, in characters."""
    return len(text.encode()[:offset].decode(errors="ignore"))


def _made(tree: ast.Module | None, path: str, act: str) -> list[ast.expr]:
    """Return the expressions that can be what makes the module of that path."""
    if tree is None:
        return []
    *_, last = path.split(".")
    spots = _by_position(tree, path, act) if last.isdigit() else _by_attribute(tree, last, act)
    if spots or not act:
        return spots
    spelled: list[ast.expr] = [
        call for call in _calls(tree) if _plain(_callee(call)) == _plain(act)
    ]
    return _of_list(tree, spelled, int(last)) if last.isdigit() and len(spelled) > 1 else spelled


def _of_list(tree: ast.Module, spelled: Sequence[ast.expr], at: int) -> list[ast.expr]:
    """Return the places that can make the item `at` of a list that begins with a display and grows
    in a loop: ``layers = [Linear(), ReLU()]``, then ``layers += [Linear(), ReLU()]``."""
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.For | ast.While)]
    looped = {id(inner) for loop in loops for inner in ast.walk(loop)}
    shown = [node.elts for node in ast.walk(tree) if isinstance(node, ast.List)]
    first = {
        id(item): i for items in shown for i, item in enumerate(items) if id(item) not in looped
    }
    there = [spot for spot in spelled if first.get(id(spot)) == at]
    beyond = all(at > first.get(id(spot), at) for spot in spelled if id(spot) not in looped)
    grows = [spot for spot in spelled if id(spot) in looped]
    return there or (grows if beyond else list(spelled))


def _by_attribute(tree: ast.Module, attribute: str, act: str) -> list[ast.expr]:
    spots: list[ast.expr] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
            continue
        targets = [target for target in node.targets if isinstance(target, ast.Attribute)]
        if any(target.attr == attribute for target in targets) and _fits(node.value, act):
            spots.append(node.value)
    return spots


def _by_position(tree: ast.Module, path: str, act: str) -> list[ast.expr]:
    """Return the arguments at that position of the `Sequential`s; of the attribute's, if any."""
    holder, _, last = path.rpartition(".")
    spots: list[ast.expr] = []
    for node, target in _sequentials(tree):
        if holder and target != holder.rpartition(".")[2]:
            continue
        arguments = node.args
        at = int(last)
        starred = any(isinstance(one, ast.Starred) for one in arguments[: at + 1])
        if at < len(arguments) and not starred and _fits(arguments[at], act):
            spots.append(arguments[at])
    return spots


def _sequentials(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    named: dict[int, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            (first, *_) = node.targets
            named[id(node.value)] = first.attr if isinstance(first, ast.Attribute) else ""
    for call in _calls(tree):
        if _callee(call) == "Sequential":
            yield call, named.get(id(call), "")


def _fits(node: ast.expr, act: str) -> bool:
    return isinstance(node, ast.Call) and (not act or _plain(_callee(node)) == _plain(act))


def _calls(tree: ast.Module | None) -> Sequence[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call)] if tree else []


def _callee(call: ast.Call) -> str:
    name = call.func
    return name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")


def _plain(word: str) -> str:
    """Return a name as both spellings have it: ``LeakyReLU`` and ``leaky_relu``."""
    return word.replace("_", "").lower()


@lru_cache(maxsize=8)
def _lines(file: str) -> tuple[str, ...]:
    with suppress(OSError, ValueError):
        path = Path(file)
        # a trace may name a device or a pipe: never open those
        if path.is_file() and path.stat().st_size <= LARGEST:
            return tuple(path.read_text("utf-8", "replace").split("\n"))
    return ()


@lru_cache(maxsize=8)
def _tree(file: str) -> ast.Module | None:
    try:
        return ast.parse("\n".join(_lines(file))) if file else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
