"""Changes acts in a user's source: another act, none, another axis.

An act in the source is a call of one of torch's functions, a method of a tensor, or a module that
is made (`Code` resolves which); what cannot be told apart is left alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

import libcst as cst
from torch import nn
from torch.nn import functional

from relume.acts.act import acts
from relume.fixes.source.code import (
    Change,
    Code,
    argument,
    dotted,
    is_of_self,
    last_name,
    read,
    with_argument,
    with_keyword,
    with_torch,
)
from relume.fixes.source.setup_blocks import patch_from

if TYPE_CHECKING:
    from relume.fixes.source.diff import Patch, Source

MODULES, FUNCTIONS = "torch.nn", "torch.nn.functional"
METHODS = {"relu", "sigmoid", "tanh", "softmax", "log_softmax"}  # of a tensor


def spelling(act: str) -> tuple[str, str]:
    """Return an act's names in torch.nn and torch.nn.functional; ``""`` where it has none there.

    A name counts where it can take the place of another act: it needs no parameter, keeps the
    shape, and as a function learns nothing.

    >>> spelling("log_sigmoid"), spelling("prelu"), spelling("threshold")
    (('LogSigmoid', 'logsigmoid'), ('PReLU', ''), ('', ''))
    """
    known = acts().get(act)
    if known is None or not (known.elementwise or known.traits["rows"]):
        return "", ""
    kind, function = (_torch_name(known.matches, home) for home in (MODULES, FUNCTIONS))
    if kind and any(each.default is each.empty for each in _parameters(getattr(nn, kind))):
        return "", ""
    return kind, "" if known.learnable else function


def _parameters(kind: Any) -> list[Parameter]:
    try:
        every = signature(kind).parameters.values()
    except ValueError:  # written in C: it takes its operand, and torch names no more
        return []
    return [each for each in every if each.kind is each.POSITIONAL_OR_KEYWORD]


def _torch_name(matches: Sequence[str], home: str) -> str:
    """Return the first name in a module of torch that stands for an act as it is."""
    paths = (path.rpartition(".") for path in matches if "(" not in path)
    return next((name for owner, _, name in paths if owner == home), "")


def _paths(act: str) -> tuple[set[str], set[str], set[str]]:
    """Return the full paths of an act's modules and of its functions, and its tensor methods."""
    known = acts().get(act)
    kind, function = spelling(act)
    paths = {path for path in (known.matches if known else ()) if "(" not in path}
    if function:
        paths |= {f"torch.{function}", f"torch.{function}_", f"torch.nn.functional.{function}_"}
    kinds = {path for path in paths if path.rpartition(".")[0] == MODULES} | (
        {f"{MODULES}.{kind}", f"torch.nn.modules.activation.{kind}"} if kind else set[str]()
    )
    methods = (
        {function} if function in ("relu", "sigmoid", "tanh", "softmax", "log_softmax") else ()
    )
    return kinds, paths - kinds, set(methods)


@dataclass(frozen=True, slots=True)
class CalledAct:
    """A call of an act in the source: ``"function"``, ``"method"`` or ``"module"`` (a call of
    ``self.act``, whose module `made` makes)."""

    kind: str
    call: cst.Call
    made: cst.Call | None = None

    @property
    def operand(self) -> Any:
        """What the act is applied to; None where that is no plain argument."""
        if self.kind == "method":
            return self.call.func.value  # type: ignore[union-attr]
        first = self.call.args[0] if self.call.args else None
        return first.value if first is not None and not first.star and not first.keyword else None


def act_call(code: Code, call: cst.Call, act: str) -> CalledAct | None:
    """Return the call as a call of this act; None where it is not one."""
    kinds, functions, methods = _paths(act)
    if code.name(call.func) in functions:
        return CalledAct("function", call)
    if is_of_self(call.func) or isinstance(call.func, cst.Name):
        made = code.value_of(call.func)
        if isinstance(made, cst.Call) and code.name(made.func) in kinds and call.args:
            return CalledAct("module", call, made)
        return None
    if last_name(call.func) in methods and code.is_tensor_method(call):
        rows = last_name(call.func).endswith("softmax")
        if len(call.args) <= (1 if rows else 0):
            return CalledAct("method", call)
    return None


def _calls_at(code: Code, line: int, act: str) -> list[CalledAct]:
    calls = [call for call in code.nodes(cst.Call) if line and code.is_on(call, line)]
    return [found for call in calls if (found := act_call(code, call, act)) is not None]


def _made(code: Code, act: str) -> list[cst.Call]:
    """Return the calls that make a module of this act."""
    kinds = _paths(act)[0]
    return [call for call in code.nodes(cst.Call) if code.name(call.func) in kinds]


def without_act(source: "Source", act: str) -> "Patch | None":
    """Replace the act's call at the site's line by its operand, or the one module of it by the
    identity; from the end of a Sequential it is dropped."""
    code = read(source.text)
    if code is None:
        return None
    found = _calls_at(code, source.line, act)
    if len(found) == 1 and (operand := found[0].operand) is not None:
        return patch_from(source, code.replaced({found[0].call: lambda _: _in_brackets(operand)}))
    made = _made(code, act)
    ends = [call for call in made if _ends_sequential(code, call)]
    if len(ends) == 1:
        whole = code.parent(code.parent(ends[0]))
        return patch_from(source, code.replaced({whole: _without_last}))
    if len(made) != 1:
        return None
    identity = cst.Call(cst.parse_expression("torch.nn.Identity"))
    name = rename(made[0].func, "Identity") if isinstance(made[0].func, cst.Attribute) else None
    changed = code.replaced({made[0]: lambda _: identity if name is None else cst.Call(name)})
    return patch_from(source, with_torch(changed) if name is None else changed)


def _in_brackets(node: Any) -> Any:
    simple = isinstance(node, cst.Name | cst.Attribute | cst.Call | cst.Subscript) or node.lpar
    if simple:
        return node
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def _ends_sequential(code: Code, call: cst.Call) -> bool:
    arg = code.parent(call)
    whole = code.parent(arg) if isinstance(arg, cst.Arg) else None
    return (
        isinstance(whole, cst.Call)
        and code.name(whole.func) in (f"{MODULES}.Sequential", "torch.nn.modules.Sequential")
        and len(whole.args) > 1
        and whole.args[-1] is arg
    )


def _without_last(call: Any) -> Any:
    last = call.args[-1]
    args = list(call.args[:-1])
    # keep the style: one module a line, with a comma at the end
    bare = last.comma is cst.MaybeSentinel.DEFAULT
    args[-1] = args[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT if bare else last.comma)
    return call.with_changes(args=args)


def rename(node: Any, name: str) -> Any:
    """Replace the last word of a dotted name."""
    return node.with_changes(attr=cst.Name(name))


def around_act(source: "Source", act: str, wrap: Callable[[str], str]) -> "Patch | None":
    """Replace the act's one call at the site's line by what `wrap` makes of its source."""
    code = read(source.text)
    found = [] if code is None else _calls_at(code, source.line, act)
    if code is None or len(found) != 1:
        return None
    text = wrap(code.text(found[0].call))
    return patch_from(source, code.replaced({found[0].call: lambda _: cst.parse_expression(text)}))


def instead_of(source: "Source", act: str, function: str) -> "Patch | None":
    """Call another function of torch on the operand of the act's one call at the site's line, or
    make another module in place of the act's one module."""
    code = read(source.text)
    found = [] if code is None else _calls_at(code, source.line, act)
    if code is None:
        return None
    if len(found) == 1 and found[0].kind != "module" and found[0].operand is not None:
        text = f"{function}({code.text(found[0].operand)})"
        change: dict[Any, Change] = {found[0].call: lambda _: cst.parse_expression(text)}
        return patch_from(source, with_torch(code.replaced(change)))
    made = _made(code, act)
    kind = spelling(function.rpartition(".")[2])[0]
    if len(made) != 1 or not kind:
        return None
    text = f"torch.nn.{kind}()"
    changed = code.replaced({made[0]: lambda _: cst.parse_expression(text)})
    return patch_from(source, with_torch(changed))


def softmax_axis(source: "Source", act: str, axis: int) -> "Patch | None":
    """Change the axis of the softmax at the site's line, or of the one module of it."""
    code = read(source.text)
    if code is None:
        return None
    found = _calls_at(code, source.line, act)
    made = [found[0].made] if len(found) == 1 and found[0].made is not None else _made(code, act)
    position = 0
    if len(found) == 1 and found[0].kind != "module":
        made = [found[0].call]
        position = 1 if found[0].kind == "function" else 0
    if len(made) != 1:
        return None
    value = cst.parse_expression(str(axis))

    def change(call: Any) -> Any:
        if argument(call, "dim") is None and len(call.args) > position:
            return with_argument(call, position, value)
        return with_keyword(call, "dim", value)

    return patch_from(source, code.replaced({made[0]: change}))


# ------------------------------------------------------------------ another act


def other_act(source: "Source", old: Sequence[str], new: str, *, every: bool) -> "Patch | None":
    """Replace these acts by another, as module or function: at the site's line or everywhere."""
    kind, function = spelling(new)
    code = read(source.text)
    if code is None or not kind or not (every or source.line):
        return None
    swap = _Swap(code, kind, function)
    for act in old:
        kinds, functions, methods = _paths(act)
        for node in [*code.nodes(cst.Attribute), *code.nodes(cst.Name)]:
            if not every and not code.is_on(node, source.line):
                continue
            if isinstance(code.parent(node), cst.Attribute | cst.ImportAlias) or code.above(
                node, cst.Import, cst.ImportFrom
            ):
                continue  # a part of a longer name, or an import
            path = code.name(node)
            written = isinstance(node, cst.Attribute) or path.rpartition(".")[2] == dotted(node)
            if written and path in kinds:
                swap.module(node)
            elif written and path in functions:
                swap.function(node)
        for call in code.nodes(cst.Call):
            if last_name(call.func) in methods and (every or code.is_on(call, source.line)):
                swap.method(call, act)
    return swap.patch(source)


class _Swap:
    def __init__(self, code: Code, kind: str, function: str) -> None:
        self.code, self.kind, self.new_function = code, kind, function
        self.changes: dict[Any, Change] = {}
        self.impossible = False

    def patch(self, source: "Source") -> "Patch | None":
        if self.impossible or not self.changes:
            return None
        return patch_from(source, with_torch(self.code.replaced(self.changes)))

    def module(self, node: Any) -> None:
        call = self.code.parent(node)
        name = self._name(node, MODULES, self.kind)
        if isinstance(call, cst.Call) and call.func is node:
            args = _kept(call.args, getattr(nn, self.kind))
            self.changes[call] = lambda kept: kept.with_changes(func=name, args=args)
        else:  # the class itself is passed on
            self.changes[node] = lambda _: name

    def function(self, node: Any) -> None:
        call = self.code.parent(node)
        if not self.new_function or last_name(node).endswith("_"):
            self.impossible = True
            return
        name = self._name(node, FUNCTIONS, self.new_function)
        if not (isinstance(call, cst.Call) and call.func is node):
            self.changes[node] = lambda _: name
            return
        in_place = argument(call, "inplace") is not None
        if in_place and isinstance(self.code.parent(call), cst.Expr):
            self.impossible = True  # its result is not used: only an in-place act works there
            return
        args = call.args[:1]
        rest = _kept(call.args[1:], getattr(functional, self.new_function))
        args = [args[0].with_changes(comma=cst.MaybeSentinel.DEFAULT), *rest]
        self.changes[call] = lambda kept: kept.with_changes(
            func=name, args=[kept.args[0].with_changes(comma=args[0].comma), *args[1:]]
        )

    def method(self, call: cst.Call, act: str) -> None:
        found = act_call(self.code, call, act)
        if found is None or found.kind != "method":
            return
        if not self.new_function:
            self.impossible = True
            return
        name = cst.parse_expression(f"{FUNCTIONS}.{self.new_function}")
        self.changes[call] = lambda kept: cst.Call(name, [cst.Arg(kept.func.value)])

    def _name(self, node: Any, home: str, name: str) -> Any:
        owner = node.value if isinstance(node, cst.Attribute) else None
        if owner is not None and self.code.name(owner) == home:
            return rename(node, name)
        return cst.parse_expression(f"{home}.{name}")


def _kept(args: Sequence[cst.Arg], new: Any) -> list[cst.Arg]:
    """Return the arguments that the new act keeps: `inplace`, where it has it too."""
    if "inplace" not in [each.name for each in _parameters(new)]:
        return []
    kept = [a for a in args if a.keyword is not None and a.keyword.value == "inplace"]
    return [kept[0].with_changes(comma=cst.MaybeSentinel.DEFAULT)] if kept else []


# ------------------------------------------------------------------ the criterion


def cross_entropy_for_nll(source: "Source") -> "Patch | None":
    """Turn the file's one negative log likelihood into cross-entropy."""
    instead = {
        f"{FUNCTIONS}.nll_loss": f"{FUNCTIONS}.cross_entropy",
        f"{MODULES}.NLLLoss": f"{MODULES}.CrossEntropyLoss",
    }
    code = read(source.text)
    calls = (
        [] if code is None else [c for c in code.nodes(cst.Call) if code.name(c.func) in instead]
    )
    if code is None or len(calls) != 1:
        return None
    old = calls[0].func
    home, _, name = instead[code.name(old)].rpartition(".")
    new = rename(old, name) if isinstance(old, cst.Attribute) else None
    whole = cst.parse_expression(f"{home}.{name}")
    changed = code.replaced({calls[0]: lambda kept: kept.with_changes(func=new or whole)})
    return patch_from(source, changed if new is not None else with_torch(changed))


CRITERIA = {
    "mse_loss": "MSELoss",
    "l1_loss": "L1Loss",
    "smooth_l1_loss": "SmoothL1Loss",
    "huber_loss": "HuberLoss",
    "binary_cross_entropy": "BCELoss",
    "binary_cross_entropy_with_logits": "BCEWithLogitsLoss",
}


def matched_shapes(source: "Source") -> "Patch | None":
    """Give the prediction of the file's one criterion with a shape the shape of the target."""
    code = read(source.text)
    plain = () if code is None else _criterion_calls(code, source, CRITERIA)
    if code is None or not plain:
        return None

    def change(call: Any) -> Any:
        target = code.module.code_for_node(call.args[1].value)
        prediction = code.module.code_for_node(_in_brackets(call.args[0].value))
        if not target.replace(".", "").isidentifier():
            target = f"({target})"
        new = cst.parse_expression(f"{prediction}.reshape({target}.shape)")
        return with_argument(call, 0, new)

    return patch_from(source, code.replaced(dict.fromkeys(plain, change)))


def scaled_logits(source: "Source", factor: float) -> "Patch | None":
    """Multiply what the file's cross-entropies are given."""
    code = read(source.text)
    known = {"cross_entropy": "CrossEntropyLoss"}
    plain = () if code is None else _criterion_calls(code, source, known)
    if code is None or not plain:
        return None

    def change(call: Any) -> Any:
        logits = code.module.code_for_node(_in_brackets(call.args[0].value))
        return with_argument(call, 0, cst.parse_expression(f"{factor:g} * {logits}"))

    return patch_from(source, code.replaced(dict.fromkeys(plain, change)))


def _criterion_calls(code: Code, source: "Source", known: Mapping[str, str]) -> Sequence[cst.Call]:
    """The calls of criteria on the source's line, else all; none where one has other arguments.

    Args:
        code: the file.
        source: the script, with the line that is meant.
        known: names of functions, and of the modules that call them.
    """
    functions = {f"{FUNCTIONS}.{name}" for name in known}
    kinds = {f"{MODULES}.{name}" for name in known.values()}

    def is_criterion(call: cst.Call) -> bool:
        if code.name(call.func) in functions:
            return True
        made = code.value_of(call.func)
        return isinstance(made, cst.Call) and code.name(made.func) in kinds

    calls = [call for call in code.nodes(cst.Call) if is_criterion(call)]
    on_line = [call for call in calls if source.line and code.is_on(call, source.line)]
    chosen = on_line if len(on_line) == 1 else calls
    plain = [c for c in chosen if len(c.args) >= 2 and not any(a.keyword for a in c.args[:2])]
    return plain if len(plain) == len(chosen) else ()


def logs_of_rows(source: "Source") -> "Patch | None":
    """Take every logarithm of a softmax or of a sigmoid from what went into it."""
    code = read(source.text)
    if code is None:
        return None
    changes: dict[Any, Change] = {}
    for call in code.nodes(cst.Call):
        if code.name(call.func) != "torch.log" or len(call.args) != 1:
            continue
        given = call.args[0].value
        value = code.value_of(given) if isinstance(given, cst.Name) else given
        if not isinstance(value, cst.Call):
            continue
        for act, function in (("softmax", "log_softmax"), ("sigmoid", "logsigmoid")):
            found = act_call(code, value, act)
            if found is not None and found.kind == "function":
                text = code.text(value)
                text = f"{FUNCTIONS}.{function}{text[len(code.text(value.func)) :]}"
                changes[call] = lambda _, text=text: cst.parse_expression(text)
    return patch_from(source, with_torch(code.replaced(changes))) if changes else None
