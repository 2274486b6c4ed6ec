"""A number that the one optimiser of a file is given, wherever it is written: in the call, in a
variable that is set once, or as the default of the script's own option.

The default counts only where the script was run without that option; where it was given, the words
say what to give instead.
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
    """An option that the script declares: its flags, and its default if that is a number."""

    flags: tuple[str, ...]
    default: float | None


def scale_entry_patch(source: "Source", entry: str, factor: float) -> "Patch | None":
    """An entry (``lr``) of the one optimiser that the file makes, times a factor."""
    found = _given(source, entry)
    if found is None:
        return None
    if literal(found) is not None:
        return patch_from(source, change_source(source.text, cst.Call, _in_call(entry, factor)))
    if isinstance(found, cst.Name):
        text = change_source(source.text, cst.Assign, _assigned(found.value, factor))
        if text is not None:
            return patch_from(source, text)
    dest = _option(source, found)
    options = _declared(source, dest) if dest else []
    if len(options) != 1 or _is_set(options[0].flags, source.argv) is not None:
        return None
    return patch_from(source, change_source(source.text, cst.Call, _in_default(dest, factor)))


def entry_words(source: "Source", entry: str, factor: float) -> str:
    """What to run the script with, where an option of its own sets the entry; else empty."""
    found = _given(source, entry)
    dest = "" if found is None else _option(source, found)
    options = _declared(source, dest) if dest else []
    if len(options) != 1:
        return ""
    one = options[0]
    flag = max(one.flags, key=len)
    given = _is_set(one.flags, source.argv)
    try:
        value = one.default if given is None else float(given)
    except ValueError:
        value = None
    if value is None:
        return f"run the script with a {flag} of {factor:g} times what it is now."
    return f"run the script with {flag} {value * factor:.6g} instead of {value:g}."


def _given(source: "Source", entry: str) -> Any:
    """The expression that the file's one optimiser is given for it; None where it is not one."""
    found: list[Any] = []

    def look(call: Any) -> Any:
        at = _at(call, entry)
        if at is not None:
            found.append(call.args[at].value)

    change_source(source.text, cst.Call, look)
    return found[0] if len(found) == 1 else None


def _at(call: Any, entry: str) -> int | None:
    if last_name(call.func) not in OPTIMISERS:
        return None
    at = argument(call, entry)
    if at is None and entry == "lr":
        at = 1 if len(call.args) > 1 and call.args[1].keyword is None else None
    return at


def _in_call(entry: str, factor: float) -> Change:
    def change(call: Any) -> Any:
        at = _at(call, entry)
        found = None if at is None else literal(call.args[at].value)
        return None if found is None else with_argument(call, at or 0, number(found * factor))

    return change


def _assigned(name: str, factor: float) -> Change:
    def change(node: Any) -> Any:
        if len(node.targets) != 1 or last_name(node.targets[0].target) != name:
            return None
        found = literal(node.value)
        return None if found is None else node.with_changes(value=number(found * factor))

    return change


# ------------------------------------------------------------------ options of the script


def _option(source: "Source", value: Any) -> str:
    """The name under which the parsed options hold it: ``lr`` of ``args.lr``; empty for others.

    Not where the script changes it after parsing, or sets its default elsewhere.
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
    """What is assigned to a name, ``args.lr`` among them, in plain and in other ways."""
    found: list[Any] = []

    def look(node: Any) -> Any:
        targets = (
            [t.target for t in node.targets] if isinstance(node, cst.Assign) else [node.target]
        )
        for target in targets:
            parts = target.elements if isinstance(target, cst.Tuple) else ()
            if any(dotted(each) == name for each in (target, *(part.value for part in parts))):
                found.append(node.value)

    if name:
        change_source(source.text, (cst.Assign, cst.AnnAssign, cst.AugAssign), look)
    return found


def _calls(source: "Source") -> list[Any]:
    found: list[Any] = []
    change_source(source.text, cst.Call, found.append)
    return found


def _declared(source: "Source", dest: str) -> list[Option]:
    """The options that are kept under this name."""
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
    """As argparse has it: `dest`, else the first long flag, else the first."""
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


def _in_default(dest: str, factor: float) -> Change:
    def change(call: Any) -> Any:
        at = argument(call, "default")
        if last_name(call.func) not in DECLARING or _dest(call) != dest or at is None:
            return None
        found = literal(call.args[at].value)
        return None if found is None else with_argument(call, at, number(found * factor))

    return change


def _is_set(flags: Sequence[str], argv: Sequence[str]) -> str | None:
    """The value that a command line gives to an option, its last; None where it gives none.

    argparse takes the beginning of a long flag for it, so this does.
    """
    found: str | None = None
    for at, word in enumerate(argv):
        if word == "--":
            break
        following = "".join(argv[at + 1 : at + 2])
        name, equals, value = word.partition("=")
        for flag in flags:
            if flag.startswith("--"):
                if name.startswith("--") and flag.startswith(name):
                    found = value if equals else following
            elif word.startswith(flag) and not word.startswith("--"):
                found = word.removeprefix(flag).removeprefix("=") or following
    return found
