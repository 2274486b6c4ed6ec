"""Spells out a dataclass of shared options as the parameters of a command, for the parser."""

import inspect
from collections.abc import Callable, Collection
from dataclasses import MISSING, fields
from typing import Any


def options(
    kind: type[Any], *, without: Collection[str] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator: the command's parameter of that type becomes one option for each field.

    Args:
        kind: a dataclass whose fields are annotated with typer's options; each has a default.
        without: fields that this command does not offer; they keep their defaults.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(command, eval_str=True)
        (taken,) = [one.name for one in signature.parameters.values() if one.annotation is kind]
        keyword = inspect.Parameter.KEYWORD_ONLY
        own = [one.replace(kind=keyword) for one in signature.parameters.values()]
        shared = [
            inspect.Parameter(one.name, keyword, default=one.default, annotation=one.type)
            for one in fields(kind)
            if one.default is not MISSING and one.name not in without
        ]
        parameters = [*(one for one in own if one.name != taken), *shared]

        def called(**words: Any) -> Any:
            joined = kind(**{one.name: words.pop(one.name) for one in shared})
            return command(**words, **{taken: joined})

        called.__name__, called.__doc__ = command.__name__, command.__doc__
        called.__module__, called.__qualname__ = command.__module__, command.__qualname__
        called.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {one.name: one.annotation for one in parameters}
        called.__annotations__["return"] = signature.return_annotation
        return called

    return decorate
