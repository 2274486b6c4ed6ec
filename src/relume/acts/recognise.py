"""Recognises acts in what a framework offers: modules, functions, and calls in a source.

The table is made from the acts' `matches`. A framework is searched only where the program has
already imported it.
"""

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from torch import nn

from relume.acts.act import Act, acts
from relume.acts.lookup import parse
from relume.acts.module import ActModule


@dataclass(frozen=True, slots=True)
class ActCall:
    """A call of an act in a module's `forward`: the act and the line in the file."""

    act: Act
    file: str
    line: int


def resolve(path: str) -> Any:
    """Return the object at a dotted path, or None; nothing is imported for it."""
    parts = path.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        owner: Any = sys.modules.get(".".join(parts[:cut]))
        if owner is not None:
            for part in parts[cut:]:
                owner = getattr(owner, part, None)
            return owner
    return None


def _matches() -> Iterator[tuple[str, Act]]:
    """Yield the path of every matched object, with its act at the match's parameters."""
    for act in acts().values():
        for match in act.matches:
            path, args, parameters = parse(match)
            yield path, act.bind(**act._bound(args, parameters)) if args or parameters else act


def _table() -> list[tuple[Any, Act]]:
    """Return every matched object that is loaded, with its act."""
    pairs = ((resolve(path), act) for path, act in _matches())
    return [(thing, act) for thing, act in pairs if thing is not None]


def act_functions() -> dict[Any, Act]:
    """Return the act of each torch function and tensor method, in place or not."""
    return _functions(len(acts()))


@cache
def _functions(_known: int) -> dict[Any, Act]:
    functions: dict[Any, Act] = {}
    for path, act in _matches():
        for name in (path, f"{path}_"):
            thing = resolve(name)
            if thing is not None and not isinstance(thing, type):
                functions.setdefault(thing, act)
    return functions


def act_of(module: nn.Module) -> Act | None:
    """Return the act that a module is, with the module's parameters bound; None if it is none.

    A subclass counts only where it does not change `forward`.
    """
    kind = type(module)
    if isinstance(module, ActModule):
        return _with_values(module.act, module)
    classes = [(thing, act) for thing, act in _table() if isinstance(thing, type)]
    for thing, act in classes:
        if kind is thing:
            return _with_values(act, module)
    for thing, act in classes:
        if issubclass(kind, thing) and kind.forward is thing.forward:
            return _with_values(act, module)
    return None


def _with_values(act: Act, module: nn.Module) -> Act:
    """Return the act at the module's values; learned ones stay at their default."""
    values: dict[str, Any] = {}
    for name in act.defaults:
        value = getattr(module, name, None)
        if name not in act.learnable and value is not None:
            values[name] = value
    return act.bind(**values) if values else act


def act_of_function(function: Any) -> Act | None:
    """Return the act of a function (``torch.nn.functional.gelu``, an `Act`); None if it is none."""
    if isinstance(function, Act):
        return function
    for thing, act in _table():
        if thing is function and not isinstance(thing, type):
            return act
    return None


def module_class(act: Act) -> type[nn.Module] | None:
    """Return torch's own module class for an act; None where it has none or learns parameters."""
    if act.learnable:
        return None
    for match in act.matches:
        if match.startswith("torch.nn.") and "(" not in match:
            thing = resolve(match)
            if isinstance(thing, type) and issubclass(thing, nn.Module):
                return thing
    return None


def calls_in(module: nn.Module) -> Iterator[ActCall]:
    """Yield the calls of acts in the source of the module's own `forward`, in order.

    The source is read, never run: ``F.relu(x)``, ``torch.relu(x)``, ``x.relu()``.
    """
    forward = type(module).forward
    if (forward.__module__ or "").startswith(("torch.", "relume.")):
        return
    try:
        lines, first = inspect.getsourcelines(forward)
        tree = ast.parse(textwrap.dedent("".join(lines)))
        file = inspect.getsourcefile(forward) or ""
    except (OSError, TypeError, SyntaxError):  # made in a console, by exec, or in C
        return
    namespace = _globals(forward)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            act = _called_act(node.func, namespace)
            if act is not None:
                yield ActCall(act, file, first + node.lineno - 1)


def _globals(function: Any) -> Mapping[str, Any]:
    return getattr(inspect.unwrap(function), "__globals__", {})


def _called_act(target: ast.expr, namespace: Mapping[str, Any]) -> Act | None:
    """Return the act of a called expression: a global function or a tensor's method."""
    words: list[str] = []
    while isinstance(target, ast.Attribute):
        words.append(target.attr)
        target = target.value
    if not isinstance(target, ast.Name):
        return None
    function: Any = namespace.get(target.id)
    for word in reversed(words):
        function = getattr(function, word, None)
    if function is not None:
        return act_of_function(function) if callable(function) else None
    if len(words) == 1 and target.id not in ("self", *namespace):
        for act in acts().values():
            if f"torch.Tensor.{words[0].rstrip('_')}" in act.matches:
                return act
    return None
