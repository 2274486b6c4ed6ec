"""Calls the recorder before and after one statement of a function, and stays off the stack."""

import __future__

import ast
import inspect
import textwrap
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any, ClassVar

Before = Callable[[Any], None]
After = Callable[[], None]

_BEFORE, _AFTER = "__relume_before__", "__relume_after__"
_FUTURES = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)


class InsertedCalls:
    """Has a function call others right before and right after one of its statements.

    The function stays the same object; its code is compiled again from its source with the two
    calls put in, under the same file and lines. So an error inside the statement has the traceback
    that it always has, and a warning points to the caller that it always points to, which a
    function around this one would change.

    Args:
        function: a plain function whose source can be read.
        called: the name that the statement calls; the statement stands in the function's body.
        argument: the local variable that the first function gets.

    Attributes:
        possible: whether the function has such a statement, and its source fits its code.
    """

    _by_function: ClassVar[dict[tuple[int, str], "InsertedCalls"]] = {}

    @classmethod
    def of(cls, function: FunctionType, called: str, argument: str) -> "InsertedCalls":
        """Return the one for this function and statement; all recordings share it."""
        key = (id(function), called)
        if key not in cls._by_function:
            cls._by_function[key] = cls(function, called, argument)
        return cls._by_function[key]

    def __init__(self, function: FunctionType, called: str, argument: str) -> None:
        self._function = function
        self._plain = function.__code__
        self._longer = _compiled(function, called, argument)
        self._pairs: list[tuple[Before, After]] = []

    @property
    def possible(self) -> bool:
        """Whether the calls can be put in."""
        return self._longer is not None

    def add(self, pair: tuple[Before, After]) -> None:
        """Call this pair too."""
        if self._longer is None:
            return
        self._pairs = [*self._pairs, pair]
        self._function.__globals__[_BEFORE] = self._before
        self._function.__globals__[_AFTER] = self._after
        self._function.__code__ = self._longer

    def remove(self, pair: tuple[Before, After]) -> None:
        """Call this pair no longer; without any the function is as it was.

        The two names stay in its module: the longer code may be running just now.
        """
        self._pairs = [other for other in self._pairs if other is not pair]
        if not self._pairs:
            self._function.__code__ = self._plain

    def _before(self, value: Any) -> None:
        for before, _ in self._pairs:
            before(value)

    def _after(self) -> None:
        for _, after in reversed(self._pairs):
            after()


def _compiled(function: FunctionType, called: str, argument: str) -> CodeType | None:
    plain = function.__code__
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines)))
        ast.increment_lineno(tree, first - 1)
        (definition,) = tree.body
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    if not isinstance(definition, ast.FunctionDef) or not _insert(definition, called, argument):
        return None
    definition.decorator_list = []
    flags = plain.co_flags & _FUTURES
    module = compile(tree, plain.co_filename, "exec", flags=flags, dont_inherit=True)
    codes = [each for each in module.co_consts if isinstance(each, CodeType)]
    code = next((each for each in codes if each.co_name == plain.co_name), None)
    if code is None or code.co_varnames != plain.co_varnames or code.co_freevars:
        return None
    return code


def _insert(definition: ast.FunctionDef, called: str, argument: str) -> bool:
    """Put the two calls around the statement; return whether there is exactly one such."""
    places = [
        place
        for place, each in enumerate(definition.body)
        if isinstance(each, ast.Expr)
        and isinstance(each.value, ast.Call)
        and isinstance(each.value.func, ast.Name)
        and each.value.func.id == called
    ]
    if len(places) != 1:
        return False
    (place,) = places
    statement = definition.body[place]

    def call(name: str, *arguments: ast.expr) -> ast.Expr:
        made = ast.Expr(ast.Call(ast.Name(name, ast.Load()), list(arguments), []))
        ast.copy_location(made, statement)
        return ast.fix_missing_locations(made)

    definition.body.insert(place + 1, call(_AFTER))
    definition.body.insert(place, call(_BEFORE, ast.Name(argument, ast.Load())))
    return True
