"""Finding the members of a kind by looking, so that nobody edits a list.

A rule, an act or a fix is one file in its room that binds an instance of its kind at module
level. `discover` imports the room's files and collects those instances; `lookup` finds one by
name and knows what the user may have meant.
"""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib.resources import files
from inspect import cleandoc
from typing import TypeVar

from relume.errors import UnknownNameError

T = TypeVar("T")

# A file that begins with a plain docstring, which stands alone in its lines. One with a backslash
# or a prefix is left to the parser.
_PLAIN = re.compile(r'(?:#[^\n]*\n|\s)*"""(?P<text>[^\\]*?)"""[ \t]*\n')


def discover(package: str, kind: type[T]) -> tuple[T, ...]:
    """Every instance of `kind` bound at module level in the files of `package`.

    Args:
        package: dotted name of an importable package, such as ``"relume.rules"``.
        kind: the class whose instances are wanted.

    Returns:
        The instances, in the order of their files' names and of their binding, each once. Files
        whose name begins with an underscore hold what others share, and are not looked into.
    """
    found: dict[int, T] = {}
    for info in pkgutil.iter_modules(importlib.import_module(package).__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{package}.{info.name}")
        for value in vars(module).values():
            if isinstance(value, kind):
                found.setdefault(id(value), value)
    return tuple(found.values())


def pages(package: str) -> dict[str, str]:
    """The docstring of every file of `package`, by file name, read without importing anything.

    `relume explain` must answer at once, and a page needs neither NumPy nor torch.
    """
    texts: dict[str, str] = {}
    for entry in sorted(files(package).iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".py") and not entry.name.startswith("_"):
            texts[entry.name.removesuffix(".py")] = docstring(entry.read_text("utf-8"))
    return texts


def docstring(source: str) -> str:
    """The docstring of a file's source as `ast.get_docstring` has it; empty without one.

    A plain one is cut out: parsing the hundred files behind it costs a third of the time in which
    `relume explain` answers.
    """
    plain = _PLAIN.match(source)
    if plain:
        return cleandoc(plain["text"])
    return ast.get_docstring(ast.parse(source)) or ""


def lookup(name: str, table: Mapping[str, T], kind: str) -> T:
    """The member of `table` called `name`.

    Raises:
        UnknownNameError: no such member; the message names the nearest one.
    """
    if name in table:
        return table[name]
    raise UnknownNameError(unknown(name, table, kind))


def unknown(name: str, names: Iterable[str], kind: str) -> str:
    """One sentence for a name that does not exist: what was given and what may be meant."""
    known = sorted(names)
    folded = {candidate.lower(): candidate for candidate in known}
    near = get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    hint = f"did you mean {folded[near[0]]!r}?" if near else f"known: {', '.join(known) or 'none'}."
    return f"unknown {kind} {name!r}; {hint}"
