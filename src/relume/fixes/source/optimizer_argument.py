"""Changes what the optimiser of a file gets: scales or sets a number, or makes another optimiser.

A number is scaled where the file sets it: in the call, in a variable that is set once, or as the
default of an option of the script, if the script was run without that option (`entry_instructions`
says otherwise which value to pass). Anything else is multiplied in the call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any

import libcst as cst
import torch

from relume.fixes.source.code import (
    Change,
    Code,
    argument,
    dotted,
    last_name,
    literal,
    number,
    read,
    with_keyword,
)
from relume.fixes.source.setup_blocks import after_optimiser, optimisers, patch_from

if TYPE_CHECKING:
    from relume.fixes.source.diff import Patch, Source

DECLARING = ("add_argument", "option")  # argparse and click
PARSING = ("parse_args", "parse_known_args", "command")
SCHEDULES = "torch.optim.lr_scheduler."
ABSOLUTE = {"OneCycleLR": {"max_lr": 1}, "CyclicLR": {"base_lr": 1, "max_lr": 2}}
"""Schedules that are given a rate itself: the name and position of each."""


_IN_GROUPS = """# {entry} times {factor}
for group in {{optimiser}}.param_groups:
    group["{entry}"] *= {factor}
"""
"""For an optimiser that the user's own factory makes: before a schedule reads the rate."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option of the script: its flags, and the call that declares it."""

    flags: tuple[str, ...]
    call: cst.Call

    @property
    def default(self) -> float | None:
        """Its default, if that is a number."""
        at = argument(self.call, "default")
        return None if at is None else literal(self.call.args[at].value)


def scale_entry_patch(source: "Source", entry: str, factor: float) -> "Patch | None":
    """Multiply an entry (``lr``) of every optimiser that the file makes by a factor."""
    code = read(source.text)
    if code is None:
        return None
    if not optimisers(code):
        return after_optimiser(source, _IN_GROUPS.format(entry=entry, factor=f"{factor:g}"))
    changes: dict[Any, Change] = {}
    for call in optimisers(code):
        if not _scale_in(code, call, entry, factor, source.argv, changes):
            return None
    for call in code.nodes(cst.Call) if entry == "lr" and changes else ():
        owner, _, kind = code.name(call.func).rpartition(".")
        if f"{owner}." == SCHEDULES:
            for name, position in ABSOLUTE.get(kind, {}).items():
                _scale_argument(code, call, name, position, factor, changes)
    return patch_from(source, code.replaced(changes)) if changes else None


def set_entry_patch(source: "Source", entry: str, value: float) -> "Patch | None":
    """Write a number for an entry (``eps``) of every optimiser that the file gives it by name.

    None where an optimiser gets it otherwise, so that the file does not say what it would replace.
    """
    code = read(source.text)
    if code is None:
        return None
    given = [call for call in optimisers(code) if argument(call, entry) is not None]

    def change(call: Any) -> Any:
        return with_keyword(call, entry, number(value))

    return patch_from(source, code.replaced(dict.fromkeys(given, change))) if given else None


def _scale_in(
    code: Code,
    call: cst.Call,
    entry: str,
    factor: float,
    argv: Sequence[str],
    changes: dict[Any, Change],
) -> bool:
    """Add the changes that scale an optimiser's entry; False where its option was given."""
    at = _position(call, entry)
    if at is None:
        if entry != "lr" or factor == 0:
            return True
        kind: Any = getattr(torch.optim, code.name(call.func).rpartition(".")[2])
        default = signature(kind).parameters["lr"].default
        changes[call] = lambda kept: with_keyword(kept, "lr", number(float(default) * factor))
        return True
    value = call.args[at].value
    if isinstance(value, cst.Name) and literal(given := code.value_of(value)) is not None:
        changes[given] = _scaled(factor)
        return True
    dest = _option_name(code, value)
    options = _declared_options(code, dest) if dest else []
    if len(options) == 1:
        if _passed_value(options[0].flags, argv) is not None:
            return False
        if options[0].default is not None:
            where = argument(options[0].call, "default")
            changes[options[0].call.args[where or 0].value] = _scaled(factor)
            return True
    changes[value] = _scaled(factor)
    return True


def _scaled(factor: float) -> Any:
    """Return what multiplies an expression: a number is written out."""

    def change(value: Any) -> Any:
        known = literal(value)
        if known is not None:
            return number(known * factor)
        simple = isinstance(value, cst.Name | cst.Attribute | cst.Call | cst.Subscript)
        if not simple and not value.lpar:
            value = value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        return cst.BinaryOperation(value, cst.Multiply(), number(factor))

    return change


def _scale_argument(
    code: Code, call: cst.Call, name: str, position: int, factor: float, changes: dict[Any, Change]
) -> None:
    at = argument(call, name)
    if at is None and len(call.args) > position and call.args[position].keyword is None:
        at = position
    if at is not None:
        value = call.args[at].value
        given = code.value_of(value) if isinstance(value, cst.Name) else None
        if given is None or given not in changes:  # else its variable is scaled already
            changes[value] = _scaled(factor)


def entry_instructions(source: "Source", entry: str, factor: float) -> str:
    """Say which option to run the script with, where one sets the entry; else empty."""
    code = read(source.text)
    made = [] if code is None else optimisers(code)
    at = _position(made[0], entry) if len(made) == 1 else None
    if code is None or at is None:
        return ""
    dest = _option_name(code, made[0].args[at].value)
    options = _declared_options(code, dest) if dest else []
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


def _position(call: Any, entry: str) -> int | None:
    at = argument(call, entry)
    if at is None and entry == "lr":
        at = 1 if len(call.args) > 1 and call.args[1].keyword is None else None
    return at


def other_optimiser(source: "Source", name: str, keywords: Mapping[str, float]) -> "Patch | None":
    """Make another optimiser of torch in place of the one of the file.

    It gets the parameters, these keywords and the weight decay; nothing else.
    """
    code = read(source.text)
    made = [] if code is None else optimisers(code)
    if code is None or len(made) != 1 or not made[0].args or made[0].args[0].keyword is not None:
        return None

    def change(call: Any) -> Any:
        decay = argument(call, "weight_decay")
        kept = [call.args[0], *([call.args[decay]] if decay is not None else [])]
        func = call.func
        func = func.with_changes(attr=cst.Name(name)) if isinstance(func, cst.Attribute) else None
        whole = func or cst.parse_expression(f"torch.optim.{name}")
        new = call.with_changes(
            func=whole, args=[arg.with_changes(comma=cst.MaybeSentinel.DEFAULT) for arg in kept]
        )
        for keyword, value in keywords.items():
            new = with_keyword(new, keyword, number(value))
        return new

    from relume.fixes.source.code import with_torch

    return patch_from(source, with_torch(code.replaced({made[0]: change})))


# ------------------------------------------------------------------ options of the script


def _option_name(code: Code, value: Any) -> str:
    """Return the name of a parsed option: ``lr`` of ``args.lr``; empty for any other expression.

    Empty also where the script changes it after parsing, or sets its default elsewhere.
    """
    if isinstance(value, cst.Name):
        made = _assignments(code, value.value)
        if len(made) > 1:
            return ""
        value = made[0] if made else value
    owner, _, dest = dotted(value).rpartition(".")
    calls = code.nodes(cst.Call)
    if not dest or owner == "self" or not any(last_name(c.func) in PARSING for c in calls):
        return ""
    parsed = [last_name(getattr(one, "func", one)) for one in _assignments(code, owner)]
    again = _assignments(code, f"{owner}.{dest}") if owner else []
    elsewhere = any(
        last_name(c.func) == "set_defaults" and argument(c, dest) is not None for c in calls
    )
    if again or elsewhere or any(name not in PARSING for name in parsed):
        return ""
    return dest


def _assignments(code: Code, name: str) -> list[Any]:
    """Return all values assigned to a name such as ``args.lr``, in any kind of assignment."""
    values: list[Any] = []
    for kind in (cst.Assign, cst.AnnAssign, cst.AugAssign):
        for node in code.nodes(kind) if name else ():
            one: Any = node
            targets = [t.target for t in one.targets] if kind is cst.Assign else [one.target]
            for target in targets:
                parts = target.elements if isinstance(target, cst.Tuple) else ()
                if any(dotted(each) == name for each in (target, *(part.value for part in parts))):
                    values.append(one.value)
    return values


def _declared_options(code: Code, dest: str) -> list[Option]:
    """Return the options that are parsed into this name."""
    return [
        Option(tuple(_flags(call)), call)
        for call in code.nodes(cst.Call)
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
