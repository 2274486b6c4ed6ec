"""Runs a program from patched sources, while the user's files stay as they are.

The patched text of a file lies in the arm's layer, where the script, `inspect` and tracebacks read
it; what is imported is compiled from it as well (importlib reads files past Python's `open`).
"""

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from relume.instrument.monkeypatch import patched
from relume.trial.runner.path_overlay import Overlay


@contextmanager
def patched_sources(overlay: Overlay, sources: Sequence[tuple[str, str]]) -> Generator[None]:
    """Let this process run these texts in place of the files.

    Args:
        overlay: the layer of the arm.
        sources: absolute paths, and the text of each.
    """
    texts = {os.path.realpath(file): text for file, text in sources}
    for file, text in texts.items():
        Path(overlay.path_to_write(file, keep=False)).write_bytes(text.encode())

    def from_text(original: Any) -> Any:
        def get_code(loader: Any, name: str) -> Any:
            path = os.path.realpath(loader.path)
            if path not in texts:
                return original(loader, name)
            return compile(texts[path], loader.path, "exec", dont_inherit=True)

        return get_code

    with patched([(SourceFileLoader, "get_code", from_text)] if texts else []):
        yield
