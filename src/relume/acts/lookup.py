"""Looks acts up by text: a name, an alias, a name with its parameters."""

import ast
import importlib
import sys
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from relume.acts.act import Act, acts
from relume.errors import UsageError
from relume.registry import lookup


def act(text: str | Act) -> Act:
    """Return the act that `text` names, with its parameters bound.

    Args:
        text: a name or an alias, and the act's parameters in brackets if need be:
            ``"gelu"``, ``"leaky_relu(negative_slope=0.1)"``, ``"elu(0.5)"``; or one's own act by
            its place, ``"pkg.mod:name"``. An `Act` is returned as it is.

    Returns:
        The `Act`; call it on a tensor, or `.module()` it.

    Raises:
        UnknownNameError: no act has this name; the message names the nearest.
        UsageError: the brackets hold something else than this act's parameters.

    Example:
        >>> import torch, relume
        >>> relume.act("leaky_relu(negative_slope=0.5)")(torch.tensor([-2.0, 3.0]))
        tensor([-1.,  3.])
    """
    if isinstance(text, Act):
        return text
    if ":" in text.partition("(")[0]:
        return _imported(text)
    name, args, parameters = parse(text)
    known = lookup(name, _names(), "act")
    if not args and not parameters:
        return known
    try:
        return known.bind(**known._bound(args, parameters))
    except TypeError as error:
        raise UsageError(f"{text!r}: {error}.") from None


def import_module_here(name: str) -> Any:
    """Import a module of the user's, as seen from the current folder.

    Raises:
        UsageError: there is no such module, or it cannot be imported.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise UsageError(f"cannot import {name!r}: {reason}.") from None


def _imported(text: str) -> Act:
    """Return the act at ``"pkg.mod:name"``, with the parameters of its brackets bound."""
    home, _, rest = text.partition(":")
    name, args, parameters = parse(rest)
    found = getattr(import_module_here(home.strip()), name, None)
    if not isinstance(found, Act):
        kind = "no act" if found is None else f"a {type(found).__name__}"
        raise UsageError(
            f"{text!r} is {kind}; an act of one's own is a function under @relume.acts.register."
        )
    try:
        return found.bind(**found._bound(args, parameters)) if args or parameters else found
    except TypeError as error:
        raise UsageError(f"{text!r}: {error}.") from None


def list_acts(pattern: str = "*") -> list[str]:
    """Return the names of all acts that match a glob such as ``"*lu"``, sorted.

    The list is empty if none matches. Aliases are not listed; `act` knows them.

    Example:
        >>> import relume
        >>> relume.list_acts("?elu")
        ['celu', 'gelu', 'relu', 'selu']
    """
    return sorted(name for name in acts() if fnmatchcase(name, pattern.lower()))


def _names() -> dict[str, Act]:
    """Return every name and alias with its act, an alias with the parameters of its brackets."""
    by_name: dict[str, Act] = {}
    for act in acts().values():
        for alias in act.aliases:
            name, args, parameters = parse(alias)
            by_name[name] = act.bind(**act._bound(args, parameters)) if parameters else act
    return {**by_name, **acts()}


def parse(text: str) -> tuple[str, tuple[Any, ...], Mapping[str, Any]]:
    """Split ``"name(1, b=2)"``; values are numbers, strings, True, False and None."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
            args = tuple(ast.literal_eval(arg) for arg in tree.args)
            parameters = {str(word.arg): ast.literal_eval(word.value) for word in tree.keywords}
            return tree.func.id, args, parameters
    except (SyntaxError, ValueError):
        if "(" in text:
            raise UsageError(
                f"{text!r} is no act with parameters; write it as leaky_relu(negative_slope=0.1)."
            ) from None
    return text.strip(), (), {}
