"""The committed JavaScript bundle is what its sources make, and small."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import relume

ROOT = Path(__file__).parent.parent.parent
WEB = ROOT / "web"
BUNDLE = Path(relume.__file__).parent / "web"
MOST = 170_000  # bytes of both; 10,000 for seeds as dots, hatching, copying, folding, the first NaN
STAMP = re.compile(r"/\* relume web bundle, sources (\w{64}), body (\w{64}); see NOTICE.txt \*/\n")


def sources(web: Path) -> str:
    """The hash that web/build.mjs stamps into what it makes."""
    named = ["build.mjs", "package.json", "package-lock.json", "tsconfig.json"]
    paths = [*(path for path in (web / "src").rglob("*") if path.is_file())]
    known = {path.relative_to(web).as_posix(): path for path in paths}
    known |= {name: web / name for name in named}
    made = hashlib.sha256()
    for name in sorted(known):
        made.update(name.encode() + b"\0" + known[name].read_bytes() + b"\0")
    return made.hexdigest()


def stale(text: str, wanted: str) -> str:
    """Why a file of the bundle is not what these sources make; empty if it is."""
    stamp = STAMP.match(text)
    if stamp is None:
        return "it carries no stamp"
    if stamp[1] != wanted:
        return "its sources changed; run: cd web && npm ci && node build.mjs"
    body = hashlib.sha256(text[stamp.end() :].encode()).hexdigest()
    return "" if body == stamp[2] else "it was changed by hand; change web/src"


@pytest.mark.parametrize("name", ["relume.js", "relume.css"])
def test_the_bundle_is_current(name: str) -> None:
    assert stale((BUNDLE / name).read_text("utf-8"), sources(WEB)) == ""


def test_a_bundle_that_is_not_current_is_told(tmp_path: Path) -> None:
    text = (BUNDLE / "relume.js").read_text("utf-8")
    assert "by hand" in stale(text + "alert(1)", sources(WEB))
    assert stale(text.partition("\n")[2], sources(WEB)) == "it carries no stamp"
    other = tmp_path / "web"
    shutil.copytree(WEB, other, ignore=shutil.ignore_patterns("node_modules"))
    (other / "src" / "index.ts").write_text("changed", "utf-8")
    assert "sources changed" in stale(text, sources(other))


def test_node_makes_the_same_where_it_is_at_hand() -> None:
    node = shutil.which("node")
    if node is None or not (WEB / "node_modules" / "esbuild").is_dir():
        pytest.skip("no Node with web/node_modules; the stamps were checked")
    done = subprocess.run(
        [node, "build.mjs", "--check"], check=False, cwd=WEB, capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()


def test_the_bundle_is_small_and_asks_nobody() -> None:
    texts = [(BUNDLE / name).read_text("utf-8") for name in ("relume.js", "relume.css")]
    assert sum(len(text.encode()) for text in texts) < MOST
    for text in texts:
        hosts = set(re.findall(r"(?:https?:)?//([\w.-]+\.\w+)", text))
        assert hosts <= {"www.w3.org"}, hosts  # the names of the SVG and XML namespaces
        assert "</script" not in text.lower()
        assert "</style" not in text.lower()
        assert "sourceMappingURL" not in text
    assert "@import" not in texts[1]
    assert "url(" not in texts[1]


def test_the_lock_names_no_host() -> None:
    assert "://" not in (WEB / "package-lock.json").read_text("utf-8")
