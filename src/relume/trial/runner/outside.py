"""Tells failures of the machine from failures of the training, and keeps trackers off the network.

A run that has no memory, no disk or no port says nothing about its arm. It is no evidence: the
scheduler runs it once more, alone, and leaves the pair out if that fails too.
"""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path

_REASONS = (
    (r"OutOfMemoryError|out of memory|MemoryError|can't allocate memory|Errno 12\b", "no memory"),
    (r"Errno 28\b|No space left on device", "the disk is full"),
    (r"Errno 98\b|EADDRINUSE|[Aa]ddress already in use", "a port is in use"),
    (r"Errno 24\b|Too many open files", "too many open files"),
    (r"Errno 11\b|can't start new thread", "no more processes or threads"),
    (r"CUDA error: (?!device-side assert)|cuDNN error|NCCL error", "the device failed"),
)
OFFLINE = {
    "WANDB_MODE": "disabled",
    "NEPTUNE_MODE": "debug",
    "CLEARML_OFFLINE_MODE": "1",
    "SWANLAB_MODE": "disabled",
}
"""The trackers' own switches: a trial must not fill anyone's project with its runs."""
_REAL = {
    "processes": {"subprocess", "os.system", "os.popen", "pexpect", "multiprocessing"},
    "the network": {
        *("requests", "urllib", "http", "socket", "smtplib", "ftplib", "aiohttp", "httpx", "boto3"),
        *("paramiko", "websocket", "slack_sdk", "telegram", "kaggle", "huggingface_hub"),
    },
    "trackers": {"wandb", "mlflow", "neptune", "comet_ml", "clearml", "swanlab"},
    "databases": {"psycopg2", "pymysql", "pymongo", "redis", "sqlalchemy"},
}


def outside_reason(text: str) -> str:
    """Return what of the machine ended a run, by the text of its exception; ``""`` if nothing.

    >>> outside_reason("OSError: [Errno 98] Address already in use")
    'a port is in use (OSError: [Errno 98] Address already in use)'
    >>> outside_reason("ValueError: loss is nan")
    ''
    """
    for pattern, words in _REASONS:
        if re.search(pattern, text):
            return f"{words} ({text[:160]})"
    return ""


def go_offline(scratch: Path) -> None:
    """Set the trackers' own switches in this process, unless the user has set them."""
    for name, value in OFFLINE.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("MLFLOW_TRACKING_URI", (scratch / "mlruns").as_uri())


def real_effects(script: Path) -> dict[str, tuple[str, ...]]:
    """Return what the parsed script uses whose effects no sandbox holds back: by kind, the names.

    Only names that it imports or calls itself are seen, not what its imports do.
    """
    try:
        tree = ast.parse(script.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}
    used = dict.fromkeys(_used(tree))
    seen = {
        kind: tuple(name for name in used if name in names or name.partition(".")[0] in names)
        for kind, names in _REAL.items()
    }
    return {kind: names for kind, names in seen.items() if names}


def _used(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
