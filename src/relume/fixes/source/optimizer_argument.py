"""Scales a number that the one optimiser of a file gets, wherever the file sets it: in the call,
in a variable that is set once, or as the default of an option of the script.

The default counts only if the script was run without that option; otherwise `entry_instructions`
says which value to pass instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import libcst as cst

from relume.fixes.source.edit_source import (
    OPTIMISERS,
    Change,
    argument,
    change_source,
    dotted,
    last_name,
    literal,
    number,
    patch_from,
    with_argument,
)

if TYPE_CHECKING:
    from relume.fixes.source.diff import Patch, Source

DECLARING = ("add_argument", "option")  # argparse and click
PARSING = ("parse_args", "parse_known_args", "command")


@dataclass(frozen=True, slots=True)
class Option:
    """An option of the script: its flags, and its default if that is a number."""

    flags: tuple[str, ...]
    default: float | None


def scale_entry_patch(source: "Source", entry: str, factor: float) -> "Patch | None":
    """Multiply an entry (``lr``) of the one optimiser that the file makes by a factor."""
    value = _argument_of_optimizer(source, entry)
    if value is None:
        return None
    if literal(value) is not None:
        return patch_from(
            source, change_source(source.text, cst.Call, _scale_argument(entry, factor))
        )
    if isinstance(value, cst.Name):
        text = change_source(source.text, cst.Assign, _scale_variable(value.value, factor))
        if text is not None:
            return patch_from(source, text)
    dest = _option_name(source, value)
    options = _declared_options(source, dest) if dest else []
    if len(options) != 1 or _passed_value(options[0].flags, source.argv) is not None:
        return None
    return patch_from(source, change_source(source.text, cst.Call, _scale_default(dest, factor)))


def entry_instructions(source: "Source", entry: str, factor: float) -> str:
    """Say which option to run the script with, where one sets the entry; else empty."""
    expression = _argument_of_optimizer(source, entry)
    dest = "" if expression is None else _option_name(source, expression)
    options = _declared_options(source, dest) if dest else []
    if len(options) != 1:
        return ""
    one = options[0]
    flag = max(one.flags, key=len)
    passed = _passed_value(one.flags, source.argv)
    try:
        value = one.default if passed is None else float(passed)
    except ValueError:
        value = None
    if value is None:
        return f"run the script with a {flag} of {factor:g} times what it is now."
    return f"run the script with {flag} {value * factor:.6g} instead of {value:g}."


def _argument_of_optimizer(source: "Source", entry: str) -> Any:
    """Return the expression for this entry in the file's one optimiser; None if not exactly one."""
    expressions: list[Any] = []

    def visit(call: Any) -> Any:
        at = _position(call, entry)
        if at is not None:
            expressions.append(call.args[at].value)

    change_source(source.text, cst.Call, visit)
    return expressions[0] if len(expressions) == 1 else None


def _position(call: Any, entry: str) -> int | None:
    if last_name(call.func) not in OPTIMISERS:
        return None
    at = argument(call, entry)
    if at is None and entry == "lr":
        at = 1 if len(call.args) > 1 and call.args[1].keyword is None else None
    return at


def _scale_argument(entry: str, factor: float) -> Change:
    def change(call: Any) -> Any:
        at = _position(call, entry)
        value = None if at is None else literal(call.args[at].value)
        return None if value is None else with_argument(call, at or 0, number(value * factor))

    return change


def _scale_variable(name: str, factor: float) -> Change:
    def change(node: Any) -> Any:
        if len(node.targets) != 1 or last_name(node.targets[0].target) != name:
            return None
        value = literal(node.value)
        return None if value is None else node.with_changes(value=number(value * factor))

    return change


# ------------------------------------------------------------------ options of the script


def _option_name(source: "Source", value: Any) -> str:
    """Return the name of a parsed option: ``lr`` of ``args.lr``; empty for any other expression.

    Empty also where the script changes it after parsing, or sets its default elsewhere.
    """
    if isinstance(value, cst.Name):
        made = _assignments(source, value.value)
        if len(made) > 1:
            return ""
        value = made[0] if made else value
    owner, _, dest = dotted(value).rpartition(".")
    calls = _calls(source)
    if not dest or owner == "self" or not any(last_name(c.func) in PARSING for c in calls):
        return ""
    parsed = [last_name(getattr(one, "func", one)) for one in _assignments(source, owner)]
    again = _assignments(source, f"{owner}.{dest}") if owner else []
    elsewhere = any(
        last_name(c.func) == "set_defaults" and argument(c, dest) is not None for c in calls
    )
    if again or elsewhere or any(name not in PARSING for name in parsed):
        return ""
    return dest


def _assignments(source: "Source", name: str) -> list[Any]:
    """Return all values assigned to a name such as ``args.lr``, in any kind of assignment."""
    values: list[Any] = []

    def visit(node: Any) -> Any:
        targets = (
            [t.target for t in node.targets] if isinstance(node, cst.Assign) else [node.target]
        )
        for target in targets:
            parts = target.elements if isinstance(target, cst.Tuple) else ()
            if any(dotted(each) == name for each in (target, *(part.value for part in parts))):
                values.append(node.value)

    if name:
        change_source(source.text, (cst.Assign, cst.AnnAssign, cst.AugAssign), visit)
    return values


def _calls(source: "Source") -> list[Any]:
    calls: list[Any] = []
    change_source(source.text, cst.Call, calls.append)
    return calls


def _declared_options(source: "Source", dest: str) -> list[Option]:
    """Return the options that are parsed into this name."""
    return [
        Option(tuple(_flags(call)), _default(call))
        for call in _calls(source)
        if last_name(call.func) in DECLARING and _dest(call) == dest
    ]


def _flags(call: Any) -> list[str]:
    texts = [arg.value for arg in call.args if arg.keyword is None]
    words = [str(t.evaluated_value) for t in texts if isinstance(t, cst.SimpleString)]
    return [word for word in words if word.startswith("-")]


def _dest(call: Any) -> str:
    """Return the name that argparse gives it: `dest`, else the first long flag, else the first."""
    at = argument(call, "dest")
    if at is not None:
        named = call.args[at].value
        return str(named.evaluated_value) if isinstance(named, cst.SimpleString) else ""
    flags = _flags(call)
    long = [flag for flag in flags if flag.startswith("--")]
    return (long or flags or [""])[0].lstrip("-").replace("-", "_")


def _default(call: Any) -> float | None:
    at = argument(call, "default")
    return None if at is None else literal(call.args[at].value)


def _scale_default(dest: str, factor: float) -> Change:
    def change(call: Any) -> Any:
        at = argument(call, "default")
        if last_name(call.func) not in DECLARING or _dest(call) != dest or at is None:
            return None
        value = literal(call.args[at].value)
        return None if value is None else with_argument(call, at, number(value * factor))

    return change


def _passed_value(flags: Sequence[str], argv: Sequence[str]) -> str | None:
    """Return the last value that a command line passes to an option; None where it passes none.

    As in argparse, the beginning of a long flag stands for the flag.
    """
    passed: str | None = None
    for at, word in enumerate(argv):
        if word == "--":
            break
        following = "".join(argv[at + 1 : at + 2])
        name, equals, value = word.partition("=")
        for flag in flags:
            if flag.startswith("--"):
                if name.startswith("--") and flag.startswith(name):
                    passed = value if equals else following
            elif word.startswith(flag) and not word.startswith("--"):
                passed = word.removeprefix(flag).removeprefix("=") or following
    return passed
