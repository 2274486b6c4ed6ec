"""Makes docs/picture.svg, the picture in the README: one example, run, recorded and diagnosed.

python docs/picture.py
"""

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import MONOKAI

from relume.diagnosis import diagnose
from relume.record.store import run_file
from relume.report.terminal.diagnosis_text import render

ROOT = Path(__file__).parent.parent
SCRIPT = "examples/digits_deep_sigmoid.py"  # what `make demo` runs
# Rich's template names a font on a server; a picture here fetches nothing.
FONT_FACES = CONSOLE_SVG_FORMAT[
    CONSOLE_SVG_FORMAT.index("@font-face") : CONSOLE_SVG_FORMAT.index(".{unique_id}-matrix")
]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "relume", "run", "--quiet", "--exit-zero"]
        subprocess.run([*command, "--dir", folder, SCRIPT], cwd=ROOT, check=True)
        trace = run_file.read(run_file.find(None, Path(folder)))
    console = Console(
        file=io.StringIO(), record=True, width=100, force_terminal=True, color_system="truecolor"
    )
    render(diagnose(trace), trace, console)
    template = CONSOLE_SVG_FORMAT.replace(FONT_FACES, "").replace(
        "font-family: Fira Code, monospace", "font-family: monospace"
    )
    picture = console.export_svg(
        title=f"relume run {SCRIPT}", theme=MONOKAI, code_format=template, unique_id="relume"
    )
    assert "url(http" not in picture.replace('"', "").replace(" ", "")
    (ROOT / "docs" / "picture.svg").write_text(picture, "utf-8")


if __name__ == "__main__":
    main()
