"""One atlas, one browser for all the tests that look at it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from relume.atlas import book as books

CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="session")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an atlas made of the package's own results."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RELUME_CACHE", str(cache))
        return books.write(tmp_path_factory.mktemp("atlas")).parent


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium; the tests are skipped where there is none."""
    sync = pytest.importorskip("playwright.sync_api")
    path = CHROMIUM if os.access(CHROMIUM, os.X_OK) else None
    with sync.sync_playwright() as playwright:
        try:
            started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except sync.Error as error:
            pytest.skip(f"no Chromium: {str(error).splitlines()[0]}")
        yield started
        started.close()


@pytest.fixture(scope="session")
def page(browser: Any) -> Any:
    """One page for all lessons; whatever goes wrong in it is kept in `page.complaints`."""
    opened = browser.new_page(viewport={"width": 1440, "height": 1000}, reduced_motion="reduce")
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    opened.on(
        "console",
        lambda said: (
            complaints.append(f"{said.type}: {said.text}")
            if said.type in ("error", "warning")
            else None
        ),
    )
    opened.on(
        "request",
        lambda asked: (
            None if asked.url.startswith("file:") else complaints.append(f"asked: {asked.url}")
        ),
    )
    opened.complaints = complaints
    return opened
