"""Stores measured cards: one JSON file each, in the user's cache folder.

A file's name is a hash of everything the card depends on: the machine, the versions, the source
of this package, the setting, the act with its parameters and what it does. A damaged file is
skipped and written again.
"""

import contextlib
import hashlib
import inspect
import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import torch

import relume
from relume.acts.act import Act, shipped
from relume.core import Card
from relume.core.whole_file import whole_file


def folder() -> Path:
    """Return the folder of the cards: ``$RELUME_CACHE``, else ``$XDG_CACHE_HOME/relume``, else
    ``~/.cache/relume``; in it ``cards``."""
    named = os.environ.get("RELUME_CACHE")
    if named:
        return Path(named).expanduser() / "cards"
    base = os.environ.get("XDG_CACHE_HOME")
    home = Path(base) if base and Path(base).is_absolute() else Path("~/.cache").expanduser()
    return home / "relume" / "cards"


def place(act: Act, facts: dict[str, Any]) -> Path | None:
    """Return the file for a card of `act` under these facts; None where the source does not
    identify the act, so that no card of it may be stored."""
    source = _source(act)
    if source is None:
        return None
    key_facts = {
        **facts,
        "act": str(act),
        "record": _record(act),
        "source": source,
        "package": _package_hash(),
    }
    key = hashlib.sha256(json.dumps(key_facts, sort_keys=True, default=str).encode()).hexdigest()
    name = re.sub(r"[^A-Za-z0-9_]", "_", act.name)[:60]
    return folder() / f"{name}-{key[:24]}.json"


def read(path: Path) -> Card | None:
    """Read the card in a file; None where there is none, or not a whole one."""
    try:
        stored: Any = json.loads(path.read_text("utf-8"))
        text = stored["card"]
        if stored["sha256"] != hashlib.sha256(text.encode()).hexdigest():
            return None
        return Card.from_json(text)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def write(card: Card, path: Path) -> None:
    """Write a card, whole or not at all; a folder without permission gets none."""
    text = card.to_json(indent=None)
    stored = json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest(), "card": text})
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as part:
            part.write_text(stored, "utf-8")


def _record(act: Act) -> list[Any]:
    """Return what a card quotes and hashes of what the act does: two functions may share a source
    and differ in what they close over."""
    quoted = [act.name, act.family, act.formula, act.year, act.reference, act.kink, act.matches]
    if act.elementwise:
        z = torch.cat((torch.linspace(-12, 12, 2001), torch.logspace(-30, 30, 400)))
        outputs = [act(z), act.exact_slope(z), act(z, exact=True)]
    else:
        z = torch.linspace(-6, 6, 128).reshape(2, 64)
        outputs = [act(z)]
    bits = [hashlib.sha256(t.detach().numpy().tobytes()).hexdigest() for t in outputs]
    return [*quoted, sorted(act.learnable), act.kinks_at(), *bits]


def _source(act: Act) -> str | None:
    """Return a hash of the source files of the act's functions; `_own` covers relume's acts."""
    if shipped().get(act.name) is not None:
        return "relume"
    parts: list[str] = []
    for function in (act.value, act.slope, act.curvature, act.native):
        if function is None or getattr(function, "__module__", "").startswith("relume.acts."):
            continue  # a slope derived from the value
        try:
            parts.append(inspect.getsource(inspect.getmodule(function) or function))
        except (OSError, TypeError):
            return None
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@cache
def _package_hash() -> str:
    """Return a hash of the installed acts and properties."""
    root = Path(relume.__file__).parent
    total = hashlib.sha256()
    for room in ("acts", "cards"):
        for path in sorted((root / room).rglob("*.py")):
            total.update(path.read_bytes())
    return total.hexdigest()
