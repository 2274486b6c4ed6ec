"""One atlas and one page for all the tests that look at it."""

from pathlib import Path
from typing import Any

import pytest

from relume.atlas import site_builder as books


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an atlas made of the package's own results."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RELUME_CACHE", str(cache))
        return books.write(tmp_path_factory.mktemp("atlas")).parent


@pytest.fixture(scope="module")
def page(chromium: Any) -> Any:
    """One page for all lessons; whatever goes wrong in it is kept in `page.complaints`."""
    opened = chromium.new_page(viewport={"width": 1440, "height": 1000}, reduced_motion="reduce")
    complaints: list[str] = []

    def heard(message: Any) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{message.type}: {message.text}")

    def asked(request: Any) -> None:
        if not request.url.startswith("file:"):
            complaints.append(f"asked: {request.url}")

    opened.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    opened.on("console", heard)
    opened.on("request", asked)
    opened.complaints = complaints
    return opened
