"""Reads from the source of a softmax call whether it names its axis."""

import ast
import linecache
from functools import lru_cache

SOFTMAXES = frozenset({"softmax", "log_softmax", "softmin", "Softmax", "LogSoftmax", "Softmin"})
MODULES = frozenset({"Softmax", "LogSoftmax", "Softmin"})


def axis_is_left_out(file: str, line: int) -> bool | None:
    """Whether the softmax that is called on this line names no axis.

    A function of `torch.nn.functional` takes the axis as its second argument or as ``dim``; a
    method, and `torch.softmax`, require it.

    Args:
        file: path of the source.
        line: the line on which a softmax was called.

    Returns:
        None where the source has no such call on that line, or calls of both kinds.
    """
    answers = {_left_out(call) for call in _calls(file) if _on(call, line)}
    return answers.pop() if len(answers) == 1 else None


@lru_cache(8)
def _calls(file: str) -> tuple[ast.Call, ...]:
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError):
        return ()
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return tuple(call for call in calls if _name(call) in SOFTMAXES - MODULES)


def _on(call: ast.Call, line: int) -> bool:
    return call.lineno <= line <= (call.end_lineno or call.lineno)


def _name(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _left_out(call: ast.Call) -> bool:
    # a name before the dot is a module (F.softmax(z)), or a tensor (z.softmax(1)): a tensor's
    # method has the axis as its first argument, so one argument means different things
    words = {word.arg for word in call.keywords}
    named = "dim" in words or "axis" in words or None in words
    starred = any(isinstance(item, ast.Starred) for item in call.args)
    if named or starred or len(call.args) != 1:
        return False
    only = call.args[0]
    number = ast.UnaryOp if isinstance(only, ast.UnaryOp) else ast.Constant
    return not isinstance(only, number)
