"""What several suites share: the repository's place, and a browser."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from twice import ROOT


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SKIPPED = "no Chromium: what is seen in a browser was not tested; install one (apt-get: chromium)"


@dataclass
class Eyes:
    """A browser that notes what a page says on its console and whom it asks.

    Every page that it opens must stay silent and ask nobody, except below `allowed`.
    """

    chromium: Any
    allowed: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    contexts: list[Any] = field(default_factory=list)

    def open(self, where: Path | str, width: int = 1440, **options: Any) -> Any:
        """A page of that width; `options` go to the browser's context (``color_scheme``)."""
        height = 844 if width < 600 else 900
        size = {"width": width, "height": height}
        context = self.chromium.new_context(viewport=size, **options)
        context.set_default_timeout(15_000)
        self.contexts.append(context)
        context.route("**/*", self._asked)
        page = context.new_page()
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: (self.said.append(dialog.message), dialog.dismiss()))
        page.goto(where.absolute().as_uri() if isinstance(where, Path) else where)
        return page

    def _asked(self, route: Any) -> None:
        url = route.request.url
        if url.startswith("file:") or any(url.startswith(start) for start in self.allowed):
            route.continue_()
        else:
            self.asked.append(url)
            route.abort()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium, for a module: its event loop would be in the way of other suites."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(SKIPPED)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def eyes(chromium: Any) -> Iterator[Eyes]:
    """Opens pages; afterwards none of them may have complained, or asked anybody."""
    made = Eyes(chromium)
    yield made
    for context in made.contexts:
        context.close()
    assert made.said == []
    assert made.asked == []


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tests that need a browser are not skipped in silence."""
    skipped = terminalreporter.stats.get("skipped", [])
    if any(SKIPPED in str(report.longrepr) for report in skipped):
        terminalreporter.write_line(f"WARNING: {SKIPPED}", yellow=True, bold=True)
