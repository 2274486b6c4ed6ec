"""Scripts whose fault is upstream of the acts, through `relume run`, each beside its healthy way.

    python tests/cases/origins.py [--part tune|hold|hold2|hold3|all] [--only NAME] [--piece 1/2]

`origins/` holds 38 trainings: the first value that is not finite, updates that are lost, rows and
terms without a gradient, the order of the data, layers frozen at random, parameters that became
plain tensors, and which of two faults came first. They were written before the rules that name
them. `tune` is every second name of the sorted list; the rules were written with it in view and
`hold` was run once, at the end (README.md). `hold2` is `origins/second/`: 36 more of the issue's
kinds, written and committed after the rules stood, by somebody who had not read them, and run once.
`hold3` is `origins/third/`: 69 more, written on 1 December 2026 by somebody who had not read the
rules and ran nothing of relume on them; each was checked with plain Python (the broken way does not
do what its twin does) and committed before the first was diagnosed.

The first line says what is right. A case is right where the first root of `warning` or above has
one of its codes at the right site and, where the line ends in ``line``, points at the line that
ends in ``# <- fault``. ``check SHAPE`` gives the file's `broken` and `healthy` to `relume check`.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from scripts import run

HERE = Path(__file__).parent / "origins"
LATER = {"hold2": "second", "hold3": "third"}
LOUD = ("warning", "error")


def part(name: str) -> str:
    """Every second script is held out, in the order of the names."""
    names = sorted(path.stem for path in HERE.glob("*.py"))
    return "hold" if names.index(name) % 2 else "tune"


def scripts(wanted: str) -> list[Path]:
    """The scripts of one part; `all` is the first 38."""
    if wanted in LATER:
        return sorted((HERE / LATER[wanted]).glob("*.py"))
    return [p for p in sorted(HERE.glob("*.py")) if wanted in ("all", part(p.stem))]


def checked(path: Path, word: str, shape: str) -> tuple[dict[str, Any], str]:
    """What `relume check --probe` says of the file's model of this name."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        command = [sys.executable, "-m", "relume", "check", f"{path}:{word}", "--input", shape]
        command += ["--probe", "--isolated", "--output-format", "json", "-o", str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not out.exists():
            raise RuntimeError(f"{path.name} {word}: {done.stdout}{done.stderr}")
        return json.loads(out.read_text()), done.stderr


def told(path: Path, word: str) -> tuple[dict[str, Any], str]:
    """The diagnosis of one way of one script."""
    shape = re.search(r" check (\S+)$", path.read_text("utf-8").splitlines()[0])
    return checked(path, word, shape[1]) if shape else run(path, word, 0)


def is_right(path: Path, diagnosis: dict[str, Any]) -> bool:
    """Whether the first root of `warning` or above is the fault, at its site and its line."""
    text = path.read_text("utf-8").splitlines()
    match = re.match(r"# broken: (\S+)(?: at (\S+))?( line| check \S+)?$", text[0])
    assert match, text[0]
    codes, site, wants_line = match[1].split(","), match[2] or "", match[3] == " line"
    roots = [f for f in diagnosis["findings"] if f["severity"] in LOUD and not f["explained_by"]]
    if not roots or roots[0]["code"] not in codes:
        return False
    places = (roots[0]["site"], roots[0]["layer"], str(roots[0]["evidence"]["more"]))
    if site and not any(re.search(site, place) for place in places):
        return False
    lines = [number for number, line in enumerate(text, 1) if line.endswith("# <- fault")]
    return not wants_line or roots[0]["line"] in lines


def _word(finding: dict[str, Any]) -> str:
    place = f"{finding['code']}@{finding['site']}:{finding['line']}"
    return f"{place}:{finding['severity']}{'<' if finding['explained_by'] else ''}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", default="tune", choices=("tune", "hold", *LATER, "all"))
    parser.add_argument("--only", default="")
    parser.add_argument("--piece", default="1/1", help="I/N: every Nth script from the Ith")
    parser.add_argument("--show", action="store_true", help="print the stories")
    words = parser.parse_args()
    first, step = (int(word) for word in words.piece.split("/"))
    right = disturbed = count = 0
    for path in (p for p in scripts(words.part)[first - 1 :: step] if words.only in p.stem):
        count += 1
        for word in ("broken", "healthy"):
            diagnosis, story = told(path, word)
            loud = [f for f in diagnosis["findings"] if f["severity"] in LOUD]
            good = is_right(path, diagnosis) if word == "broken" else not loud
            right += good and word == "broken"
            disturbed += not good and word == "healthy"
            words_told = " ".join(
                _word(f) for f in diagnosis["findings"] if f["severity"] != "fact"
            )
            print(
                "ok  " if good else "MISS",
                path.stem,
                word,
                diagnosis["outcome"]["name"],
                "|",
                words_told,
                flush=True,
            )
            if words.show:
                print(story)
    print(f"{right} of {count} broken right, {disturbed} of {count} healthy disturbed")


if __name__ == "__main__":
    main()
