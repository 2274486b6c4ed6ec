"""What the built site holds beside its pages: the atlas, a report of a real run, `llms.txt`."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig

from relume.atlas.site_builder import write

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = "examples/digits_deep_sigmoid.py"  # what `make demo` runs
REPORT = "report-of-a-run.html"
ATLAS = "the-atlas"


def add_atlas(site: Path) -> None:
    """Write the lessons with their figures, as `relume atlas` does."""
    write(site / ATLAS)


def add_report(site: Path) -> None:
    """Run the demo's script and write the page of that run, as `relume report` does."""
    with tempfile.TemporaryDirectory() as folder:
        place = ["--dir", folder]
        relume = [sys.executable, "-m", "relume"]
        subprocess.run(
            [*relume, "run", "--quiet", "--exit-zero", "--isolated", *place, SCRIPT],
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        page = ["-o", str(site / REPORT)]
        subprocess.run(
            [*relume, "report", *place, *page], cwd=ROOT, check=True, capture_output=True
        )


def add_llms(site: Path, config: MkDocsConfig) -> None:
    """List every page that was built with its first sentence, after llmstxt.org."""
    lines = [f"# {config.site_name}", "", f"> {config.site_description}", ""]
    lines += ["How an agent uses relume: [AGENTS.md](AGENTS.md).", ""]
    folder = None
    places = [page.parent.relative_to(site) for page in site.glob("**/index.html")]
    for place in sorted(places, key=lambda place: (place.parent.as_posix(), place.name)):
        page = site / place / "index.html"
        if place.parts[:1] == (ATLAS,) or not (found := _about(page)):
            continue
        if place.parent != folder:
            folder = place.parent
            lines += ["", f"## {folder.name or 'Pages'}", ""]
        url = f"{place.as_posix()}/" if place.parts else "./"
        lines.append(f"- [{found[0]}]({url}): {found[1]}")
    (site / "llms.txt").write_text("\n".join(lines) + "\n", "utf-8")
    (site / "AGENTS.md").write_text((ROOT / "docs" / "AGENTS.md").read_text("utf-8"), "utf-8")


def _about(page: Path) -> tuple[str, str] | None:
    """The title of a built page and its first sentence."""
    text = page.read_text("utf-8")
    article = text.partition("<article")[2].partition("</article>")[0]
    title = re.search(r"<h1[^>]*>(.*?)</h1>", article, re.DOTALL)
    if not title:
        return None
    first = re.search(r"<p>(.*?)</p>", article[title.end() :], re.DOTALL)
    words = _plain(first[1]) if first else ""
    return _plain(title[1]), re.split(r"(?<=[.:?!])\s", words)[0][:240]


def _plain(html: str) -> str:
    text = re.sub(r"<a class=\"headerlink\".*?</a>|<[^>]+>", "", html)
    for entity, sign in (("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"')):
        text = text.replace(entity, sign)
    return " ".join(text.split())
