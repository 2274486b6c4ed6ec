"""Writes a command on the run's script that can be pasted into a shell."""

import shlex
from collections.abc import Mapping
from typing import Any

from relume.report.words.sanitise import name

SCRIPT = ".py"
LONGEST = 400


def script_of(meta: Mapping[str, Any]) -> str:
    """Return the script of a run, as it was typed; empty where it was no script."""
    script = str(meta.get("script") or "")
    return script if script.endswith(SCRIPT) or meta.get("module") else ""


def paste_command(meta: Mapping[str, Any], verb: str, *options: str) -> str:
    """Return ``relume VERB`` on a run's script with its arguments; empty where it was no script."""
    script = script_of(meta)
    if not script:
        return ""
    module = ["-m"] if meta.get("module") else []
    argv = [str(word) for word in meta.get("argv") or ()]
    words = [*module, script, *options, *(["--", *argv] if argv else [])]
    return f"relume {verb} {name(shlex.join(words), LONGEST)}"
