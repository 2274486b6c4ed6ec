"""Edits a user's source with libcst; formatting and comments stay as they are.

Every edit returns the whole new file as a patch, or None where the source is not as simple as the
edit needs: then `manual_instructions` says what to change.
"""

from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from torch import nn

from relume.acts.act import acts

if TYPE_CHECKING:
    from relume.fixes.source.diff import Patch, Source

Change = Callable[[Any], cst.CSTNode | cst.RemovalSentinel | None]
"""Maps a node to its replacement; None keeps the node."""

OPTIMISERS = frozenset(
    {"SGD", "Adam", "AdamW", "Adamax", "Adagrad", "Adadelta", "NAdam", "RAdam", "RMSprop", "ASGD"}
)


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
    kind, function = (_torch_name(known.matches, f"torch.nn{of}") for of in ("", ".functional"))
    if kind and any(each.default is each.empty for each in _parameters(kind)):
        return "", ""
    return kind, "" if known.learnable else function


def _parameters(kind: str) -> list[Parameter]:
    """Return the named parameters of one of torch's modules."""
    every = signature(getattr(nn, kind)).parameters.values()
    return [each for each in every if each.kind is each.POSITIONAL_OR_KEYWORD]


def _torch_name(matches: Sequence[str], home: str) -> str:
    """Return the first name in a module of torch that stands for an act as it is."""
    paths = (path.rpartition(".") for path in matches if "(" not in path)
    return next((name for owner, _, name in paths if owner == home), "")


class _Changer(cst.CSTTransformer):
    """Applies `change` to every node of these kinds on the wanted line."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, kinds: tuple[type, ...], change: Change, line: int | None) -> None:
        super().__init__()
        self.count = 0
        self._kinds, self._change, self._line = kinds, change, line

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        """Replace the node by what `change` returns."""
        if isinstance(original_node, self._kinds) and self._is_on_line(original_node):
            made = self._change(updated_node)
            if made is not None:
                self.count += 1
                return made
        return super().on_leave(original_node, updated_node)

    def _is_on_line(self, node: Any) -> bool:
        if self._line is None:
            return True
        place: Any = self.get_metadata(PositionProvider, node)
        return bool(place.start.line <= self._line <= place.end.line)


def change_source(
    text: str,
    kinds: type | tuple[type, ...],
    change: Change,
    *,
    line: int | None = None,
    most: int | None = 1,
) -> str | None:
    """Return the text with changed nodes; None if it cannot be parsed, or not 1 to `most` match."""
    try:
        wrapper = MetadataWrapper(cst.parse_module(text))
    except (cst.ParserSyntaxError, UnicodeError):
        return None
    changer = _Changer(kinds if isinstance(kinds, tuple) else (kinds,), change, line)
    made = wrapper.visit(changer)
    if changer.count == 0 or (most is not None and changer.count > most):
        return None
    return made.code


def last_name(node: Any) -> str:
    """Return the last word of a dotted name, ``relu`` of ``F.relu``; ``""`` for anything else."""
    if isinstance(node, cst.Name):
        return node.value
    return node.attr.value if isinstance(node, cst.Attribute) else ""


def rename_call(node: Any, name: str) -> Any:
    """Replace the last word of a dotted name."""
    if isinstance(node, cst.Name):
        return node.with_changes(value=name)
    return node.with_changes(attr=cst.Name(name))


def dotted(node: Any) -> str:
    """Return a dotted name as text; ``""`` for anything else."""
    if isinstance(node, cst.Name):
        return node.value
    above = dotted(node.value) if isinstance(node, cst.Attribute) else ""
    return f"{above}.{node.attr.value}" if above else ""


def argument(call: Any, keyword: str) -> int | None:
    """Return the position of a keyword argument in a call, or None."""
    for at, arg in enumerate(call.args):
        if arg.keyword is not None and arg.keyword.value == keyword:
            return at
    return None


def with_argument(call: Any, at: int, value: cst.BaseExpression) -> Any:
    """Replace the value of one argument of a call."""
    args = list(call.args)
    args[at] = args[at].with_changes(value=value)
    return call.with_changes(args=args)


def number(value: float) -> cst.BaseExpression:
    """Return a number as an expression, as people write it."""
    return cst.parse_expression(f"{value:.6g}")


def literal(node: Any) -> float | None:
    """Return the value of a number in the source; None for anything else."""
    if isinstance(node, cst.Integer | cst.Float):
        return float(node.evaluated_value)
    return None


def patch_from(source: "Source", text: str | None) -> "Patch | None":
    """Return the new text as a patch of that file."""
    from relume.fixes.source.diff import Patch

    return None if text is None else Patch(source.relative, source.text, text)


# ------------------------------------------------------------------ edits for fixes


def other_act(source: "Source", old: Sequence[str], new: str, *, every: bool) -> "Patch | None":
    """Replace these acts by another, as module or function: at the site's line or everywhere."""
    kind, function = spelling(new)
    if not kind or not (every or source.line):
        return None
    kinds = {spelling(name)[0] for name in old} - {""}
    functions = {spelling(name)[1] for name in old} - {""}
    methods: list[str] = []

    def change(call: Any) -> Any:
        name = last_name(call.func)
        if name in kinds:
            return call.with_changes(func=rename_call(call.func, kind), args=_inplace(call, new))
        if name.rstrip("_") not in functions:
            return None
        owner = dotted(call.func).rpartition(".")[0]
        if owner in ("F", "functional", "nn.functional", "torch.nn.functional") and function:
            return call.with_changes(func=rename_call(call.func, function))
        methods.append(name)  # x.relu(), torch.relu(x): the new act may have no such form
        return None

    line = None if every else source.line
    text = change_source(source.text, cst.Call, change, line=line, most=None if every else 1)
    return patch_from(source, None if methods else text)


def _inplace(call: Any, new: str) -> list[Any]:
    """Return the arguments that the new module keeps: `inplace`, where it has it too."""
    if "inplace" not in [each.name for each in _parameters(spelling(new)[0])]:
        return []
    args = [a for a in call.args if a.keyword is not None and a.keyword.value == "inplace"]
    return [args[0].with_changes(comma=cst.MaybeSentinel.DEFAULT)] if args else []


def without_act(source: "Source", act: str) -> "Patch | None":
    """Replace the act's call at the site's line by its argument, or drop it from a Sequential."""
    kind, function = spelling(act)
    if not kind or not source.line:
        return None

    def change(call: Any) -> Any:
        name = last_name(call.func)
        if name not in (function, f"{function}_") or not function:
            return None
        owner = dotted(call.func.value) if isinstance(call.func, cst.Attribute) else ""
        if owner in ("F", "torch", "functional", "nn.functional", "torch.nn.functional"):
            return call.args[0].value if call.args and call.args[0].keyword is None else None
        return call.func.value if isinstance(call.func, cst.Attribute) else None

    text = change_source(source.text, cst.Call, change, line=source.line)
    if text is not None:
        return patch_from(source, text)
    return patch_from(source, _from_sequential(source, kind))


def _from_sequential(source: "Source", kind: str) -> str | None:
    """Drop the last module, of that class, of the one Sequential that ends with it."""

    def change(call: Any) -> Any:
        if last_name(call.func) != "Sequential" or len(call.args) < 2:
            return None
        last = call.args[-1]
        if not isinstance(last.value, cst.Call) or last_name(last.value.func) != kind:
            return None
        args = list(call.args[:-1])
        if last.comma is cst.MaybeSentinel.DEFAULT:
            args[-1] = args[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        else:  # keep the style: one module a line, with a comma at the end
            args[-1] = args[-1].with_changes(comma=last.comma)
        return call.with_changes(args=args)

    return change_source(source.text, cst.Call, change)


def softmax_axis(source: "Source", axis: int) -> "Patch | None":
    """Change the axis of the softmax at the site's line."""
    if not source.line:
        return None

    def change(call: Any) -> Any:
        if last_name(call.func) not in ("softmax", "log_softmax", "Softmax", "LogSoftmax"):
            return None
        value = cst.parse_expression(str(axis))
        at = argument(call, "dim")
        module = last_name(call.func)[0].isupper()
        owner = dotted(call.func.value) if isinstance(call.func, cst.Attribute) else "F"
        method = not module and owner not in ("F", "torch", "functional", "nn.functional")
        position = 0 if module or method else 1
        if at is None and len(call.args) > position:
            at = position if call.args[position].keyword is None else None
        if at is not None:
            return with_argument(call, at, value)
        bare = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
        new = cst.Arg(value, keyword=cst.Name("dim"), equal=bare)
        return call.with_changes(args=[*call.args, new])

    return patch_from(source, change_source(source.text, cst.Call, change, line=source.line))


def clip_before_step(source: "Source", norm: float) -> "Patch | None":
    """Insert a line that clips the gradient before the one ``optimizer.step()`` of the file."""
    line = f"torch.nn.utils.clip_grad_norm_({{model}}.parameters(), max_norm={norm:g})"
    return _before_step(source, line)


def skip_before_step(source: "Source") -> "Patch | None":
    """Insert a check that drops the gradients if one is not finite: the step then does nothing."""
    return _before_step(
        source,
        "if not all(p.grad.isfinite().all() for p in {model}.parameters() if p.grad is not None):\n"
        "    {optimiser}.zero_grad(set_to_none=True)  # and so takes no step",
    )


def _before_step(source: "Source", block: str) -> "Patch | None":
    """Insert a block before the one ``optimizer.step()`` of the file."""
    model = model_name(source)
    if not model or not imports_torch(source):
        return None

    def change(node: Any) -> Any:
        if len(node.body) != 1 or not isinstance(node.body[0], cst.Expr):
            return None
        call = node.body[0].value
        if not isinstance(call, cst.Call) or not isinstance(call.func, cst.Attribute):
            return None
        owner = dotted(call.func.value)
        name = owner.rpartition(".")[2]
        if call.func.attr.value != "step" or not name.startswith(("opt", "optim")):
            return None
        new: Any = cst.parse_statement(block.format(model=model, optimiser=owner))
        new = new.with_changes(leading_lines=node.leading_lines)
        return cst.FlattenSentinel([new, node.with_changes(leading_lines=[])])

    return patch_from(source, change_source(source.text, cst.SimpleStatementLine, change))


def imports_torch(source: "Source") -> bool:
    """Whether the file has the name ``torch``."""
    return any(line.strip() == "import torch" for line in source.text.splitlines())


def model_name(source: "Source") -> str:
    """Return the variable whose `parameters()` the one optimiser of the file gets."""
    models: list[str] = []

    def visit(call: Any) -> Any:
        if last_name(call.func) in OPTIMISERS and call.args:
            first = call.args[0].value
            if isinstance(first, cst.Call) and last_name(first.func) == "parameters":
                owner = first.func.value if isinstance(first.func, cst.Attribute) else None
                models.append(dotted(owner))
        return None

    change_source(source.text, cst.Call, visit)
    return models[0] if len(models) == 1 else ""


def after_model(source: "Source", block: str) -> "Patch | None":
    """Insert a block of statements after the line that makes the model, named ``{model}``.

    Only where one assignment makes the model, and the one optimiser gets its parameters.
    """
    model = model_name(source)
    if not model or "." in model or not imports_torch(source):
        return None
    made: Any = cst.parse_module(block.format(model=model))
    first, *rest = made.body
    lines = [first.with_changes(leading_lines=made.header), *rest]  # the comment moves with it

    def change(node: Any) -> Any:
        first = node.body[0]
        if not isinstance(first, cst.Assign) or len(node.body) != 1:
            return None
        if len(first.targets) != 1 or last_name(first.targets[0].target) != model:
            return None
        return cst.FlattenSentinel([node, *lines])

    return patch_from(source, change_source(source.text, cst.SimpleStatementLine, change))


def draw_block(stds: Mapping[str, str], why: str) -> str:
    """Return statements that draw layers anew.

    `stds` gives the standard deviation of each layer as an expression, which may use ``fan_in`` and
    ``fan_out``.
    """
    kinds = sorted(set(stds.values()))
    lines = [f"# {why}"]
    for kind in kinds:
        layers = ", ".join(f'"{name}"' for name, std in stds.items() if std == kind)
        lines += [
            f"for name in [{layers}]:",
            "    layer = {model}.get_submodule(name)",
            "    fan_in = layer.weight[0].numel()",
            *(["    fan_out = layer.weight[:, 0].numel()"] if "fan_out" in kind else []),
            f"    torch.nn.init.normal_(layer.weight, std={kind})",
            "    if layer.bias is not None:",
            "        torch.nn.init.zeros_(layer.bias)",
        ]
    return "\n".join(lines) + "\n"


def bias_block(layers: Sequence[str], value: float, why: str) -> str:
    """Return statements that set the biases of layers."""
    names = ", ".join(f'"{name}"' for name in layers)
    return (
        f"# {why}\n"
        f"for name in [{names}]:\n"
        f"    torch.nn.init.constant_({{model}}.get_submodule(name).bias, {value:g})\n"
    )


def insert_in_sequential(source: "Source", act: str) -> "Patch | None":
    """Insert the act between every two adjacent affine layers of the file's one Sequential."""
    kind = spelling(act)[0]
    affine = ("Linear", "Conv1d", "Conv2d", "Conv3d")

    def is_affine(arg: Any) -> bool:
        return isinstance(arg.value, cst.Call) and last_name(arg.value.func) in affine

    def change(call: Any) -> Any:
        if last_name(call.func) != "Sequential" or not kind:
            return None
        args: list[Any] = []
        for arg in call.args:
            if args and is_affine(args[-1]) and is_affine(arg):
                made: Any = arg.value
                new = cst.Call(rename_call(made.func, kind))
                args.append(_uncommented(args[-1].with_changes(value=new)))
            args.append(arg)
        return call.with_changes(args=args) if len(args) > len(call.args) else None

    return patch_from(source, change_source(source.text, cst.Call, change))


def _uncommented(arg: Any) -> Any:
    """Remove the comment behind the comma of an argument."""
    space = getattr(arg.comma, "whitespace_after", None)
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return arg
    bare = space.first_line.with_changes(comment=None, whitespace=cst.SimpleWhitespace(""))
    comma = arg.comma.with_changes(whitespace_after=space.with_changes(first_line=bare))
    return arg.with_changes(comma=comma)


def cross_entropy_for_nll(source: "Source") -> "Patch | None":
    """Turn the file's one negative log likelihood into cross-entropy."""
    instead = {"nll_loss": "cross_entropy", "NLLLoss": "CrossEntropyLoss"}

    def change(call: Any) -> Any:
        name = instead.get(last_name(call.func))
        if name is None or not isinstance(call.func, cst.Attribute):
            return None
        return call.with_changes(func=rename_call(call.func, name))

    return patch_from(source, change_source(source.text, cst.Call, change))
