"""Calls the recorder before and after a part of a function, and stays off the stack."""

import __future__

import ast
import inspect
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any, ClassVar

import torch
from torch.amp.grad_scaler import GradScaler

from relume.instrument.monkeypatch import MonkeyPatch

Names = tuple[str, ...]
Call = Callable[..., None]
Pair = tuple[Call, Call]
"""What is called before the statement and after it; each gets the arguments that were asked for."""

_FUTURES = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)


class InsertedCalls:
    """Has a function call others right before and right after one of its statements, or first.

    The function stays the same object; its code is compiled again from its source with the two
    calls put in, under the same file and lines. So an error inside the statement has the traceback
    that it always has, and a warning points to the caller that it always points to, which a
    function around this one would change.

    Args:
        function: a plain function whose source can be read.
        called: the name that one statement of the function's body calls, perhaps further inside;
            empty for calls at the function's start alone, of which the second is not made.
        before: the local variables that the first function gets.
        after: those that the second one gets.

    Attributes:
        possible: whether the function has such a statement, and its source fits its code.
    """

    _by_function: ClassVar[dict[tuple[int, str], "InsertedCalls"]] = {}

    @classmethod
    def of(
        cls, function: FunctionType, called: str, before: Names = (), after: Names = ()
    ) -> "InsertedCalls":
        """Return the one for this function and statement; all recordings share it."""
        key = (id(function), called)
        if key not in cls._by_function:
            cls._by_function[key] = cls(function, called, before, after)
        return cls._by_function[key]

    def __init__(
        self, function: FunctionType, called: str, before: Names = (), after: Names = ()
    ) -> None:
        self._function = function
        self._plain = function.__code__
        self._names = [f"__relume_{when}_{function.__name__}__" for when in ("before", "after")]
        calls = [_call(*each) for each in zip(self._names, (before, after), strict=True)]
        self._longer = _compiled(function, called, *calls)
        self._pairs: list[Pair] = []

    @property
    def possible(self) -> bool:
        """Whether the calls can be put in."""
        return self._longer is not None

    def add(self, pair: Pair) -> None:
        """Call this pair too."""
        if self._longer is None:
            return
        self._pairs = [*self._pairs, pair]
        self._function.__globals__.update(
            zip(self._names, (self._before, self._after), strict=True)
        )
        self._function.__code__ = self._longer

    def remove(self, pair: Pair) -> None:
        """Call this pair no longer; without any the function is as it was.

        The two names stay in its module: the longer code may be running just now.
        """
        self._pairs = [other for other in self._pairs if other is not pair]
        if not self._pairs:
            self._function.__code__ = self._plain

    def _before(self, *values: Any) -> None:
        for before, _ in self._pairs:
            before(*values)

    def _after(self, *values: Any) -> None:
        for _, after in reversed(self._pairs):
            after(*values)


def _nothing(*_: Any) -> None:
    """Stands where only one of the two calls is wanted."""


class FunctionCalls:
    """Calls others before and after a function of torch: inside it, or else from a wrapper.

    Args:
        owner: the module or class that holds the function.
        name: its name.
        before: called first, with the arguments that `names` asks for.
        after: called last, if it raised nothing.
        called: see `InsertedCalls`.
        names: the arguments of each; the function's result is ``"result"``.
    """

    def __init__(
        self,
        owner: Any,
        name: str,
        before: Call = _nothing,
        after: Call = _nothing,
        *,
        called: str = "",
        names: tuple[Names, Names] = ((), ()),
    ) -> None:
        self._pair, self._names = (before, after), names
        self._inserted = InsertedCalls.of(inspect.unwrap(getattr(owner, name)), called, *names)
        self._patch = MonkeyPatch(owner, name, self._wrap)

    def install(self) -> None:
        """Call them from now on."""
        if self._inserted.possible:
            self._inserted.add(self._pair)
        else:
            self._patch.install()

    def remove(self) -> None:
        """Call them no longer."""
        self._inserted.remove(self._pair)
        self._patch.remove()

    def _wrap(self, original: Callable[..., Any]) -> Callable[..., Any]:
        signature, (before, after) = inspect.signature(original), self._pair

        def call(*args: Any, **keywords: Any) -> Any:
            try:
                bound = signature.bind(*args, **keywords)
            except TypeError:
                return original(*args, **keywords)  # it raises for its caller
            bound.apply_defaults()
            before(*(bound.arguments[name] for name in self._names[0]))
            result = original(*args, **keywords)
            values = {**bound.arguments, "result": result}
            after(*(values[name] for name in self._names[1]))
            return result

        return call


# All listeners of one function get the same arguments, since they share its longer code.


def on_backward(before: Call, after: Call = _nothing) -> FunctionCalls:
    """Call `before` with the tensors that backward is called on, and `after` when it has run."""
    names = (("tensors",), ())
    owner, engine = torch.autograd, "_engine_run_backward"
    return FunctionCalls(owner, "backward", before, after, called=engine, names=names)


def on_grad(after: Call) -> FunctionCalls:
    """Call `after` with outputs, results and `create_graph` of `torch.autograd.grad`."""
    names = ((), ("outputs", "result", "create_graph"))
    owner, engine = torch.autograd, "_engine_run_backward"
    return FunctionCalls(owner, "grad", after=after, called=engine, names=names)


def on_scale(before: Call) -> FunctionCalls:
    """Call `before` with a gradient scaler and the loss that it is about to multiply."""
    return FunctionCalls(GradScaler, "scale", before, names=(("self", "outputs"), ()))


def on_scaler_update(before: Call) -> FunctionCalls:
    """Call `before` where a gradient scaler ends its iteration."""
    return FunctionCalls(GradScaler, "update", before)


def _call(name: str, arguments: Names) -> ast.Expr:
    loaded: list[ast.expr] = [ast.Name(each, ast.Load()) for each in arguments]
    return ast.Expr(ast.Call(ast.Name(name, ast.Load()), loaded, []))


def _compiled(
    function: FunctionType, called: str, before: ast.Expr, after: ast.Expr
) -> CodeType | None:
    plain = function.__code__
    try:
        lines, first = inspect.getsourcelines(function)
        inside = lines[0][:1].isspace()  # a method keeps its columns: tracebacks underline them
        tree = ast.parse("".join(["if True:\n", *lines] if inside else lines))
        ast.increment_lineno(tree, first - 1 - inside)
        block = tree.body[0]
        (definition,) = block.body if isinstance(block, ast.If) else tree.body
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    if not isinstance(definition, ast.FunctionDef):
        return None
    if not (_insert(definition, called, before, after) if called else _begin(definition, before)):
        return None
    definition.decorator_list = []
    flags = plain.co_flags & _FUTURES
    module = compile(
        ast.Module([definition], []), plain.co_filename, "exec", flags=flags, dont_inherit=True
    )
    codes = [each for each in module.co_consts if isinstance(each, CodeType)]
    code = next((each for each in codes if each.co_name == plain.co_name), None)
    if code is None or code.co_varnames != plain.co_varnames or code.co_freevars:
        return None
    if code.co_cellvars != plain.co_cellvars:
        return None
    return code


def _begin(definition: ast.FunctionDef, call: ast.Expr) -> bool:
    """Put the call at the start of the body, where a docstring may stand first."""
    body = definition.body
    place = int(ast.get_docstring(definition, clean=False) is not None)
    if place == len(body):
        return False
    body.insert(place, _located(call, body[place]))
    return True


def _insert(definition: ast.FunctionDef, called: str, before: ast.Expr, after: ast.Expr) -> bool:
    """Put the two calls around the statement; return whether there is exactly one such."""
    body = definition.body
    places = [place for place, each in enumerate(body) if _calls(each, called)]
    if len(places) != 1:
        return False
    (place,) = places
    statement = body[place]
    body.insert(place + 1, _located(after, statement))
    body.insert(place, _located(before, statement))
    return True


def _calls(statement: ast.stmt, name: str) -> bool:
    every = (each.func for each in ast.walk(statement) if isinstance(each, ast.Call))
    return any(isinstance(each, ast.Name) and each.id == name for each in every)


def _located(call: ast.Expr, statement: ast.stmt) -> ast.Expr:
    return ast.fix_missing_locations(ast.copy_location(call, statement))
