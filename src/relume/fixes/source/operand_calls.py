"""Rewrites a call of torch on one operand, such as ``torch.sign(x)`` or ``x.sign()``."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import libcst as cst

from relume.fixes.source.code import Code, dotted, last_name, read
from relume.fixes.source.setup_blocks import patch_from

if TYPE_CHECKING:
    from relume.fixes.source.diff import Patch, Source

HOMES = ("torch.", "torch.nn.functional.")


def around_operand(
    source: "Source", name: str, wrap: Callable[[str, str], str], operand: str = "{}"
) -> "Patch | None":
    """Rewrite the one call of this function at the site's line; None where there is not one, or its
    operand is more than a name, which must not be computed twice.

    Args:
        source: the file, with the line.
        name: of the function, ``"sign"``.
        wrap: makes the new expression of the call and of its operand, both as source.
        operand: what the call gets in place of its operand.
    """
    code = read(source.text)
    if code is None:
        return None
    found = [
        (call, given)
        for call in code.nodes(cst.Call)
        if code.is_on(call, source.line) and (given := _operand(code, call, name)) is not None
    ]
    if len(found) != 1:
        return None
    call, given = found[0]
    x = code.text(given)

    def change(kept: Any) -> Any:
        inner = cst.parse_expression(operand.format(x))
        if kept.args:
            inside = kept.with_changes(args=[kept.args[0].with_changes(value=inner)])
        else:
            inside = kept.with_changes(func=kept.func.with_changes(value=inner))
        return cst.parse_expression(wrap(code.text(inside), x))

    return patch_from(source, code.replaced({call: change}))


def _operand(code: Code, call: cst.Call, name: str) -> Any:
    """Return the name that the call takes; None where it is no such call."""
    if any(code.name(call.func) == home + name for home in HOMES) and len(call.args) == 1:
        given: Any = call.args[0].value
    elif not call.args and last_name(call.func) == name and code.is_tensor_method(call):
        given = getattr(call.func, "value", None)
    else:
        return None
    return given if dotted(given) else None
