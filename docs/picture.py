"""Makes the three pictures of the README in docs/pictures: what a reader of it would get.

    python docs/picture.py               (all; `fix` takes a few minutes)
    python docs/picture.py run report

`run.svg` and `fix.svg` are what two commands print, `report.png` the first screen of the page that
`relume report` writes of the same run (it needs Playwright and a Chromium).
"""

import html
import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "pictures"
SCRIPT = "examples/digits_deep_sigmoid.py"  # what `make demo` runs
COMMANDS = {
    "run": ["run", "--exit-zero", "--isolated"],
    "fix": ["fix", "--yes"],
}
BEGIN = {"run": "error[", "fix": "── The patch ──"}
"""Where the picture of a command begins: `fix` is shown from its patch on, its table is longer."""
WIDTH = 92  # the longest line of the patch
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# Rich's template names a font on a server; a picture here fetches nothing.
FONT_FACES = CONSOLE_SVG_FORMAT[
    CONSOLE_SVG_FORMAT.index("@font-face") : CONSOLE_SVG_FORMAT.index(".{unique_id}-matrix")
]
CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")


def printed(command: str, folder: Path) -> str:
    """What the command prints on stderr and stdout beside the script's own lines, with colours."""
    words = [sys.executable, "-m", "relume", *COMMANDS[command], "--dir", str(folder), SCRIPT]
    variables = {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "COLORTERM": "truecolor"}
    done = subprocess.run(
        words,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
    )
    assert done.returncode == 0, done.stderr
    text = done.stderr if command == "run" else done.stderr + done.stdout
    lines = text.splitlines(keepends=True)
    first = next(i for i, line in enumerate(lines) if BEGIN[command] in ANSI.sub("", line))
    text = "".join(lines[first:])
    return text.replace(f"{folder}{os.sep}", ".relume/").replace(f"{folder}", ".relume")


def svg(text: str, title: str) -> str:
    """A terminal with this text in it."""
    console = Console(
        file=io.StringIO(), record=True, width=WIDTH, force_terminal=True, color_system="truecolor"
    )
    console.print(Text.from_ansi(text.strip("\n")))
    template = CONSOLE_SVG_FORMAT.replace(FONT_FACES, "").replace(
        "font-family: Fira Code, monospace", "font-family: monospace"
    )
    picture = console.export_svg(
        title=title, theme=MONOKAI, code_format=template, unique_id="relume"
    )
    assert "url(http" not in picture.replace('"', "").replace(" ", "")
    return picture


def lines_of(picture: str) -> list[str]:
    """The lines of text in such a picture."""
    lines: dict[int, str] = {}
    for at, text in re.findall(r"<text[^>]*relume-line-(\d+)\)[^>]*>(.*?)</text>", picture):
        lines[int(at)] = lines.get(int(at), "") + html.unescape(text).replace("\xa0", " ")
    return [lines[at] for at in sorted(lines)]


def report(target: Path, scheme: str = "light") -> None:
    """Take the first screen of the report of a run of the same script."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        printed("run", Path(folder))
        page = Path(folder) / "report.html"
        relume = [sys.executable, "-m", "relume", "report", "--dir", folder, "-o", str(page)]
        subprocess.run(relume, cwd=ROOT, check=True, capture_output=True)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=next((c for c in CHROMIUM if Path(c).exists()), None),
                args=["--no-sandbox"],
            )
            sheet = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=scheme)
            sheet.goto(page.as_uri())
            sheet.wait_for_timeout(500)
            sheet.screenshot(path=target)
            browser.close()


def main() -> None:
    wanted = sys.argv[1:] or ["run", "fix", "report"]
    FOLDER.mkdir(exist_ok=True)
    for name in (word for word in wanted if word in COMMANDS):
        with tempfile.TemporaryDirectory() as folder:
            text = printed(name, Path(folder))
        shown = f"relume {name} {SCRIPT}{' (its end)' * (name == 'fix')}"
        (FOLDER / f"{name}.svg").write_text(svg(text, shown), "utf-8")
    if "report" in wanted:
        report(FOLDER / "report.png")


if __name__ == "__main__":
    main()
