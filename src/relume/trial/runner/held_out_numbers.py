"""Finds the numbers that a script prints or logs on held-out rows: "val loss 0.31".

A number belongs to the words between it and the number before it. Words such as "val" or "test"
say that it was measured on held-out rows, and hold until a word such as "train" on the same line;
words such as "loss" or "accuracy" say what it is. A line of words without a number ("Validation:",
or the head of a table) names what stands below it.
"""

import contextlib
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

from relume.trial.judge.metric_words import HELD_OUT, LESS_IS_BETTER, SHARES
from relume.trial.judge.objective_value import NUMBER

MOST = 50  # values that a run keeps of each name
NAMES = 8  # names that a run keeps: a script that prints a number for each class has hundreds
_TRAIN = frozenset(("train", "training", "trn", "tr", "best", "lowest", "highest", "max", "min"))
"""Words after which a number is none of the held-out rows', or not that of this epoch."""
_WHAT = LESS_IS_BETTER | SHARES | {"score", "reward", "return"}
_NOT = frozenset(
    [
        "epoch",
        "epochs",
        "step",
        "steps",
        "iter",
        "iteration",
        "iterations",
        "batch",
        "lr",
        "rate",
        "time",
        "seconds",
        "sec",
        "ms",
        "eta",
        "size",
        "samples",
        "images",
        "rows",
        "examples",
        "seed",
        "version",
        "samples_per_second",
        "runtime",
    ]
)
_PIECES = re.compile(rf"(?<![\w.])({NUMBER})(?:\s*/\s*(\d+(?:\.\d+)?))?(?![\w:.]*\w)", re.ASCII)
_TIME = re.compile(r"\d+[-:/]\d+(?:[-:/.,]\d+)+|\d+:\d\d\b|\b0x[0-9a-f]+\b|\[\d+/\d+\]")


def printed_numbers(output: str) -> dict[str, tuple[float, ...]]:
    """Return what the output says of held-out rows: the values of each name, in order.

    >>> printed_numbers("epoch 1: loss 0.5, val loss 0.4\\nepoch 2: loss 0.3, val loss nan")
    {'val loss': (0.4, nan)}
    """
    values: dict[str, list[float]] = {}
    above, head = "", list[str]()
    for line in re.split(r"[\r\n]+", output):
        pieces = list(_numbers(_TIME.sub(" ", line)))
        if not pieces:
            words = _words(line)
            held = [HELD_OUT[word] for word in words if word in HELD_OUT]
            head = line.split() if held and len(line.split()) > 1 else head if words else []
            above = held[-1] if held and len(words) < 4 else "" if words else above
            continue
        cells = line.split()
        if head and len(cells) == len(head) and not _words(line):
            named = _of_table(head, cells)
        else:
            named = _of_line(pieces, above)
        for name, value in named:
            values.setdefault(name, []).append(value)
    return {name: tuple(some) for name, some in list(values.items())[:NAMES]}


def _numbers(line: str) -> Iterator[tuple[str, float]]:
    """Yield each number of a line with the text before it; "9893/10000" is a share."""
    at = 0
    for found in _PIECES.finditer(line):
        value = float(found[1])
        if found[2] is not None and float(found[2]) > 0:
            value /= float(found[2])
        yield line[at : found.start()], value
        at = found.end()


def _of_line(pieces: Sequence[tuple[str, float]], above: str) -> Iterator[tuple[str, float]]:
    held = above
    for text, value in pieces:
        words = _words(text)
        for word in words:
            held = "" if word in _TRAIN else HELD_OUT.get(word, held)
        what = [word for word in words if word in _WHAT]
        bare = bool(words) and words[-1] in HELD_OUT
        if held and words and words[-1] not in _NOT and (what or bare) and not _TRAIN & set(words):
            yield " ".join((held, *what[-1:])), value


def _of_table(head: Sequence[str], cells: Sequence[str]) -> Iterator[tuple[str, float]]:
    """Yield the numbers of a table's row: all that follows a held-out column and is no loss of
    training and no time."""
    held = False
    for title, cell in zip(head, cells, strict=True):
        words = _words(title)
        own = [HELD_OUT[word] for word in words if word in HELD_OUT]
        what = [word for word in words if word in _WHAT]
        held = held or bool(own)
        if not what or not held or _TRAIN & set(words):
            continue
        with contextlib.suppress(ValueError):
            yield " ".join((*own[-1:], what[-1])), float(cell.strip("|,"))


def _words(text: str) -> list[str]:
    text = re.sub(r"([a-z])([A-Z])", r"\1 \2", text).lower()
    text = text.replace("held-out", "heldout").replace("hold-out", "holdout")
    return re.findall(r"[a-z]+[0-9]?", text)


def thinned(values: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, ...]]:
    """Return at most `MOST` values of each name, the first and the last among them."""
    kept: dict[str, tuple[float, ...]] = {}
    for name, some in values.items():
        stride = -(-len(some) // (MOST - 1)) or 1
        last = (some[-1],) if (len(some) - 1) % stride else ()
        kept[name] = (*some[::stride], *last)
    return kept


# ---------------------------------------------------------------------- what is logged

_TRACKERS = {  # module: class, its method
    "torch.utils.tensorboard.writer": ("SummaryWriter", "add_scalar"),
    "tensorboardX.writer": ("SummaryWriter", "add_scalar"),
    "lightning.pytorch.core.module": ("LightningModule", "log"),
    "pytorch_lightning.core.module": ("LightningModule", "log"),
    "wandb.sdk.wandb_run": ("Run", "log"),
    "mlflow": ("", "log_metric"),
}


class LoggedNumbers:
    """Numbers that the script gives to a tracker under a name such as ``"Loss/val"``.

    Attributes:
        numbers: the values of each name, in order.
    """

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    @property
    def numbers(self) -> dict[str, tuple[float, ...]]:
        """The values of each held-out name, in order."""
        return {name: tuple(some) for name, some in list(self._values.items())[:NAMES]}

    def watch(self) -> None:
        """Listen to the trackers that the script has imported; this process ends with the run."""
        for module, (owner, method) in _TRACKERS.items():
            home: Any = sys.modules.get(module)
            target = getattr(home, owner, None) if owner else home
            original = getattr(target, method, None)
            if original is not None:
                setattr(target, method, self._listening(original, is_method=bool(owner)))

    def _listening(self, original: Callable[..., Any], *, is_method: bool) -> Callable[..., Any]:
        def log(*args: Any, **keywords: Any) -> Any:
            with contextlib.suppress(Exception):
                self._add(*args[int(is_method) :], **keywords)
            return original(*args, **keywords)

        return log

    def _add(self, what: Any = None, value: Any = None, *_: Any, **keywords: Any) -> None:
        if isinstance(what, Mapping):
            named = cast("Mapping[Any, Any]", what)
        else:
            named = {what or keywords.get("tag"): value}
        for name, one in named.items():
            number = float(one if one is not None else keywords.get("scalar_value", math.nan))
            for short, read in _of_line([(str(name), number)], ""):
                self._values.setdefault(short, []).append(read)
