"""Finds the members of a kind by scanning their room, so that no list has to be edited.

A rule, an act or a fix is one file in its room that binds an instance of its kind at module
level. `discover` imports the room's files and collects those instances; `lookup` returns one by
name, or names the nearest one in its error.
"""

import ast
import importlib
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable
from inspect import cleandoc
from pathlib import Path
from typing import TypeVar

from relume.errors import UnknownNameError

T = TypeVar("T")

SHARED = frozenset({"live", "source", "shared", "kernels"})
"""Sub-packages that hold what a room's members share, and no members."""


NAMED = 6
"""Names that an error lists; of more it names the three nearest."""
NEAREST = 3


def discover(package: str, kind: type[T]) -> tuple[T, ...]:
    """Collect every instance of `kind` bound at module level in the member files of `package`.

    Args:
        package: dotted name of an importable package, such as ``"relume.rules"``.
        kind: the class of the instances.

    Returns:
        The instances, in the order of their files (see `members`) and of their binding, each once.
    """
    known: dict[int, T] = {}
    for name in members(package):
        for value in vars(importlib.import_module(name)).values():
            if isinstance(value, kind):
                known.setdefault(id(value), value)
    return tuple(known.values())


def pages(package: str) -> dict[str, str]:
    """Read the docstring of every member file of `package`, by file name, without importing it.

    `relume explain` must answer at once, and a page needs neither NumPy nor torch.
    """
    return {stem: docstring(text) for stem, text in sources(package).items()}


def sources(package: str) -> dict[str, str]:
    """Read the source of every member file of `package`, by file name, without importing it."""
    root = files(package)
    texts: dict[str, str] = {}
    for name in members(package):
        *folders, stem = name.removeprefix(f"{package}.").split(".")
        texts[stem] = root.joinpath(*folders, f"{stem}.py").read_text("utf-8")
    return texts


def families(package: str) -> dict[str, str]:
    """Read the docstring of every family of `package`, by its folder, without importing it."""
    root = files(package)
    return {
        name: docstring(root.joinpath(name, "__init__.py").read_text("utf-8"))
        for name in _families(root)
    }


def members(package: str) -> tuple[str, ...]:
    """List the dotted names of the member files of `package`.

    If the members come in families, the package has a sub-package for each: the members are the
    files of these, and the package's own files hold what they share, as do the sub-packages named
    in `SHARED`. A package without families holds its members itself. A file whose name begins with
    an underscore is no member.
    """
    root = files(package)
    homes = [(f"{package}.{name}", root / name) for name in _families(root)] or [(package, root)]
    return tuple(
        f"{home}.{file.removesuffix('.py')}"
        for home, folder in homes
        for file in sorted(entry.name for entry in folder.iterdir())
        if file.endswith(".py") and not file.startswith("_")
    )


def _families(root: Traversable) -> list[str]:
    folders = sorted(entry.name for entry in root.iterdir() if _is_package(entry))
    return [name for name in folders if name not in SHARED]


def _is_package(entry: Traversable) -> bool:
    return entry.is_dir() and (entry / "__init__.py").is_file()


def docstring(source: str) -> str:
    """The docstring of a file's source as `ast.get_docstring` returns it; empty without one.

    A plain one, with nothing else on its lines, is cut out: parsing a hundred files would take a
    third of the time in which `relume explain` answers.
    """
    if source.startswith('"""'):
        text, closing, rest = source[3:].partition('"""')
        if closing and "\\" not in text and not rest.partition("\n")[0].strip():
            return cleandoc(text)
    return ast.get_docstring(ast.parse(source)) or ""


def own_docstring(text: str | None, depth: int = 2) -> str:
    """The docstring of the module that calls the caller, also where Python drops it (`-OO`)."""
    if text is not None or sys.flags.optimize < 2:
        return text or ""
    file = Path(sys._getframe(depth).f_globals["__file__"])
    return docstring(file.read_text("utf-8"))


def lookup(name: str, table: Mapping[str, T], kind: str) -> T:
    """The member of `table` called `name`.

    Raises:
        UnknownNameError: no such member; the message names the nearest one.
    """
    if name in table:
        return table[name]
    raise UnknownNameError(unknown(name, table, kind))


def unknown(name: str, names: Iterable[str], kind: str) -> str:
    """One sentence for a name that does not exist: the name, and the nearest known ones."""
    known = sorted(names)
    folded = {candidate.lower(): candidate for candidate in known}
    near = get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    if near:
        hint = f"did you mean {folded[near[0]]!r}?"
    elif len(known) > NAMED:
        ones = get_close_matches(name.lower(), folded, n=NEAREST, cutoff=0.0)
        nearest = ", ".join(repr(folded[one]) for one in ones)
        hint = f"the nearest of {len(known)} are {nearest}."
    else:
        hint = f"known: {', '.join(known) or 'none'}."
    return f"unknown {kind} {name!r}; {hint}"
