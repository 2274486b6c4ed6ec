"""Offers relume's commands to an agent as tools of the Model Context Protocol, over stdio.

Each tool runs the command in a process of its own, so that a script can neither write into the
protocol's stream nor leave anything behind in the server, and returns the command's own JSON.
Nothing is written to a source: `fix` returns the patch.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mcp.server import MCPServer

import relume

LONGEST = 4_000
"""Characters of a command's messages that are returned; the report itself is returned whole."""
HOUR = 3600.0

Answer = dict[str, Any]

server = MCPServer(
    "relume",
    version=relume.__version__,
    instructions=(
        "relume finds out why a PyTorch training does not learn. Call `run` on a training script "
        "first; its report names root causes with their source lines and what to try. `explain` "
        "says what a rule means. `fix` tries cures in paired runs and returns the patch that is "
        "proven; it runs the script many times. Nothing is written to the source."
    ),
)


@server.tool()
def run(
    script: str,
    arguments: list[str] | None = None,
    folder: str = ".relume",
    timeout_seconds: float = HOUR,
) -> Answer:
    """Run a training script unchanged, record it, and say what is wrong, where, since when and why.

    Args:
        script: path of the Python script.
        arguments: the script's own arguments.
        folder: where the recording is kept.
        timeout_seconds: the script is ended after so long; `diagnose` then says what was seen.

    Returns:
        `report`: the diagnosis, by the schema docs/schema/diagnosis-1.json. `exit_code`: the
        script's own if it is not 0; else 1 where something is wrong. `messages`: what was said.
    """
    words = ["run", "--dir", folder, script, *(arguments or [])]
    return _command(words, timeout_seconds, at=1)


@server.tool()
def diagnose(recording: str | None = None, folder: str = ".relume") -> Answer:
    """Diagnose a recorded training again; also one that still trains, or was killed.

    Args:
        recording: a file, a name or its beginning; without it the last one.
        folder: where the recordings are.

    Returns:
        `report`: the diagnosis, by the schema docs/schema/diagnosis-1.json.
    """
    return _command(["diagnose", "--dir", folder, *([recording] if recording else [])], HOUR, at=1)


@server.tool()
def explain(rule: str) -> Answer:
    """Explain a rule: what it does, why it hurts, how it is measured, and what fixes it.

    Args:
        rule: a code such as ACT601, or a name such as vanishing-gradient.
    """
    done = _process(["explain", rule], HOUR)
    return {"exit_code": done.returncode, "text": done.stdout, "messages": done.stderr[-LONGEST:]}


@server.tool()
def fix(
    script: str,
    arguments: list[str] | None = None,
    seeds: int | None = None,
    folder: str = ".relume",
    timeout_seconds: float = HOUR,
) -> Answer:
    """Diagnose a script, try the cures of the root cause in paired runs, and return what is proven.

    The script runs many times, each time with its own layer over the files. The source is not
    changed: apply the patch in `report` yourself.

    Args:
        script: path of the Python script.
        arguments: the script's own arguments.
        seeds: pairs of runs; 5 by default.
        folder: where recordings and results are kept.
        timeout_seconds: the search is ended after so long.

    Returns:
        `report`: the cure with its trials, verdicts and the patch. `exit_code`: 0 where a cure is
        proven or there is nothing to fix.
    """
    chosen = ["--seeds", str(seeds)] if seeds else []
    words = ["fix", "--yes", "--dir", folder, *chosen, script, "--", *(arguments or [])]
    return _command(words, timeout_seconds, at=1)


@server.tool()
def compare(
    script: str,
    acts: list[str],
    arguments: list[str] | None = None,
    seeds: int | None = None,
    folder: str = ".relume",
    timeout_seconds: float = HOUR,
) -> Answer:
    """Compare activation functions in a script, in paired runs with the same seeds.

    Args:
        script: path of the Python script.
        acts: names such as relu, gelu, silu; `card` says what each is.
        arguments: the script's own arguments.
        seeds: pairs of runs; as many as the acts need by default.
        folder: where results are kept.
        timeout_seconds: the comparison is ended after so long.

    Returns:
        `report`: every run, and a verdict with its interval for each act.
    """
    chosen = ["--acts", ",".join(acts), *(["--seeds", str(seeds)] if seeds else [])]
    words = ["compare", "--yes", "--dir", folder, *chosen, script, "--", *(arguments or [])]
    return _command(words, timeout_seconds, at=1)


@server.tool()
def card(act: str) -> Answer:
    """Measure what an activation function is: range, gain, gradient kept, saturation, dead risk.

    Args:
        act: a name, with parameters if need be: relu, gelu, elu(0.5).
    """
    return _command(["card", "--no-timing", act], HOUR, at=1)


def _command(words: Sequence[str], timeout: float, *, at: int) -> Answer:
    """Run a command that writes its report as JSON; its options stand at `at`."""
    with tempfile.TemporaryDirectory(prefix="relume-mcp-") as folder:
        file = Path(folder) / "report.json"
        form = ["--output-format", "json", "--output-file", str(file)]
        done = _process([*words[:at], *form, *words[at:]], timeout)
        text = file.read_text("utf-8") if file.exists() else "null"
    messages = "\n".join(filter(None, (done.stdout[-LONGEST:], done.stderr[-LONGEST:])))
    return {"exit_code": done.returncode, "report": json.loads(text), "messages": messages}


def _process(words: Sequence[str], timeout: float) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "relume", *words]
    try:
        return subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        said = f"ended after {timeout:.0f} seconds, as timeout_seconds says."
        return subprocess.CompletedProcess(command, 124, "", said)
