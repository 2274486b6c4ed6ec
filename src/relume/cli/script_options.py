"""Splits the options after SCRIPT between a command of relume and the script.

Users write `relume compare train.py --acts relu,gelu --lr 0.1`: an option that the command knows is
the command's wherever it stands, any other is the script's, and so is all that follows ``--``. An
option that both know is refused, with both ways to write it. The command prints which options it
took. (`relume run` is `python` with a recorder: there all that follows SCRIPT is the script's.)
"""

import ast
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from typer.core import TyperCommand

from relume.errors import UsageError
from relume.report.console import print_sentence

PLACES = (
    "Options listed here may stand before or after SCRIPT. Any other option after it, and all that "
    "follows --, is the script's."
)
FIRST = ("-m", "--module")  # decides what SCRIPT is, so it stands before it
REFLECTING = frozenset(
    {"typer", "fire", "tyro", "jsonargparse", "transformers", "simple_parsing", "draccus", "tap"}
)
"""Libraries that make options of the names of parameters and fields."""


@dataclass(frozen=True, slots=True)
class PlacedWords:
    """A command line in order.

    Attributes:
        words: all words, with the command's own options first.
        script: the name of the script; empty where there is none.
        taken: the command's options that stood after it.
        left: the words for the script.
        free: of these, the options, of which one may be misspelt.
    """

    words: tuple[str, ...]
    script: str = ""
    taken: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    free: tuple[str, ...] = ()


def place_words(words: Sequence[str], takes: Mapping[str, bool]) -> PlacedWords:
    """Move every option that the command knows before SCRIPT.

    Args:
        words: after the command's name.
        takes: the command's options, and whether a value follows.

    Raises:
        UsageError: an option at the end that lacks its value.
    """
    at = _script(words, takes)
    if at is None:
        return PlacedWords(tuple(words))
    front, rest = list(words[:at]), list(words[at + 1 :])
    taken, left, free = list[str](), list[str](), list[str]()
    while rest:
        word = rest.pop(0)
        if word == "--":
            left += rest
            break
        name, equals, _ = word.partition("=")
        if name not in takes or name in FIRST:
            left.append(word)
            free += [name] if name.startswith("--") else []
            continue
        taken.append(name)
        front.append(word)
        if takes[name] and not equals:
            if not rest:
                raise UsageError(f"{name} wants a value, and nothing follows it.")
            front.append(rest.pop(0))
    script = words[at]  # the parser leaves all that follows it alone
    once = tuple(dict.fromkeys(taken))
    return PlacedWords((*front, script, *left), script, once, tuple(left), tuple(free))


def _script(words: Sequence[str], takes: Mapping[str, bool]) -> int | None:
    """Return the index of SCRIPT: the first word that is neither an option nor its value."""
    at = 0
    while at < len(words):
        word = words[at]
        if not word.startswith("-"):
            return at
        if word == "--":
            return None  # the user has separated them; the parser knows what to do
        at += 2 if takes.get(word, False) else 1
    return None


def options_of_script(script: Path) -> frozenset[str]:
    """Return the options that a script's source names.

    These are all strings that look like one (``"--steps"``, also in a docstring of usage) and, for
    libraries that make options of names, every parameter and field.
    """
    try:
        tree = ast.parse(script.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return frozenset()
    options: set[str] = set()
    names: set[str] = set()
    reflecting = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            options |= {w.strip(",;:.()[]`'\"").partition("=")[0] for w in _words(node.value)}
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.Import):
            reflecting |= any(one.name.partition(".")[0] in REFLECTING for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            reflecting |= (node.module or "").partition(".")[0] in REFLECTING
    if reflecting:
        options |= {f"--{name}" for name in names} | {f"--{n.replace('_', '-')}" for n in names}
    return frozenset(word for word in options if word.startswith("-") and len(word) > 1)


def _words(text: str) -> list[str]:
    return text.replace("/", " ").replace("|", " ").split() if "-" in text else []


class TrialCommand(TyperCommand):
    """A command with a script, whose own options may stand after it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put them first, and print so once the command line is parsed."""
        takes = {
            name: not (getattr(one, "is_flag", False) or getattr(one, "count", False))
            for one in self.get_params(ctx)
            for name in (*one.opts, *one.secondary_opts)
            if name.startswith("-")
        }
        placed = place_words(args, takes)
        path = str(ctx.command_path)
        known = options_of_script(Path(placed.script)) if placed.script else frozenset[str]()
        both = [name for name in placed.taken if name in known]
        if both:
            raise UsageError(_ambiguity_text(both, path, placed.script))
        rest = super().parse_args(ctx, list(placed.words))
        if placed.taken:
            print_sentence(_placement_text(placed, path))
        for name in placed.free:
            near = get_close_matches(name, takes, n=1, cutoff=0.75)  # --sead is --seeds
            if near and name not in known:
                print_sentence(f"{name} goes to {placed.script}; {path} has {near[0]}.")
        return rest


def _ambiguity_text(names: Sequence[str], path: str, script: str) -> str:
    one = len(names) == 1
    return (
        f"{' and '.join(names)} {'is an option' if one else 'are options'} of '{path}' and of "
        f"{script}: write {'it' if one else 'them'} before {script} for {path}, or after -- for "
        f"{script}."
    )


def _placement_text(placed: PlacedWords, path: str) -> str:
    names = ", ".join(placed.taken)
    rest = shlex.join(placed.left) or "nothing"
    return f"read by {path}: {names}. Passed to {placed.script}: {rest} (put its options after --)."
