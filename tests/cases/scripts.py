"""Plain user scripts, broken and healthy, through `relume run`, each as a process of its own.

Written as people ask about them, before anybody looked at what is said about them. The first
lines of a script say what is right: ``# broken: CODES [at SITE]`` and ``# healthy: nothing``; a
script with both is run with the word as its argument. Of a sub-folder (`--folder collapse`) every
other name is held out (`--part hold`), and ``# <-`` marks the line that a finding should name.

python tests/cases/scripts.py [--folder NAME --part tune|hold] [--only NAME] [--every N] [--show]
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "scripts"


@dataclass(frozen=True)
class Told:
    """What came out of one run of a script."""

    name: str
    word: str
    codes: tuple[str, ...]
    site: str
    diagnosis: dict[str, Any]
    lines: tuple[int, ...] = ()

    @property
    def loud(self) -> list[dict[str, Any]]:
        return [f for f in self.diagnosis["findings"] if f["severity"] in ("warning", "error")]

    @property
    def roots(self) -> list[dict[str, Any]]:
        return [f for f in self.diagnosis["findings"] if not f["explained_by"]]

    def hit(self, severities: tuple[str, ...]) -> bool:
        """A root of these severities with a right code at the right site."""
        return any(
            f["code"] in self.codes and f["severity"] in severities and self._fits(f)
            for f in self.roots
        )

    def _fits(self, finding: dict[str, Any]) -> bool:
        if not self.site or finding["line"] in self.lines:
            return True
        places = (finding["site"], finding["layer"])
        return any(re.search(self.site, place) for place in places)

    @property
    def right(self) -> bool:
        return self.hit(("warning", "error")) if self.codes else not self.loud

    @property
    def symptoms(self) -> list[str]:
        """Loud roots with a code that is not the cause."""
        loud = [f for f in self.roots if f in self.loud]
        return [f["key"] for f in loud if f["code"] not in self.codes] if self.codes else []


def wanted(path: Path) -> list[tuple[str, tuple[str, ...], str]]:
    """(argument, right codes, right site) for each way in which a script is to be run."""
    found: list[tuple[str, tuple[str, ...], str]] = []
    for line in path.read_text().splitlines()[:2]:
        match = re.match(r"# (broken|healthy): (\S+)(?: at (\S+))?", line)
        if match and match[1] == "broken":
            found.append(("broken", tuple(match[2].split(",")), match[3] or ""))
        elif match:
            found.append(("healthy", (), ""))
    return found


def marked(path: Path) -> tuple[int, ...]:
    """The lines that a finding should name."""
    lines = enumerate(path.read_text().splitlines(), start=1)
    return tuple(number for number, line in lines if "# <-" in line)


def run(path: Path, word: str, every: int) -> tuple[dict[str, Any], str]:
    """The diagnosis of one run, as a user gets it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        options = ["--isolated", "--dir", folder, "--output-format", "json", "-o", str(out)]
        options += ["--every", str(every)] if every else []
        command = [sys.executable, "-m", "relume", "run", *options, str(path), word]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not out.exists():
            raise RuntimeError(f"{path.name} {word}: {done.stdout}{done.stderr}")
        return json.loads(out.read_text()), done.stderr


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="scripts whose name contains this")
    parser.add_argument("--folder", default="", help="a sub-folder of scripts/")
    parser.add_argument("--part", default="all", choices=("tune", "hold", "all"))
    parser.add_argument("--every", type=int, default=0, help="steps between records")
    parser.add_argument("--show", action="store_true", help="print the stories")
    args = parser.parse_args()
    told: list[Told] = []
    every = sorted((HERE / args.folder).glob("*.py"))
    parts = {"all": every, "tune": every[::2], "hold": every[1::2]}
    for path in (p for p in parts[args.part] if args.only in p.stem):
        for word, codes, site in wanted(path):
            diagnosis, text = run(path, word, args.every)
            one = Told(path.stem, word, codes, site, diagnosis, marked(path))
            told.append(one)
            found = " ".join(
                f"{f['code']}@{f['site']}:{f['line']}:"
                f"{f['severity']}{'<' if f['explained_by'] else ''}"
                for f in diagnosis["findings"]
                if f["severity"] != "fact"
            )
            mark = "ok  " if one.right and not one.symptoms else "SYM " if one.right else "MISS"
            print(
                mark,
                path.stem,
                word,
                ",".join(codes),
                "|",
                diagnosis["outcome"]["name"],
                "|",
                found,
                flush=True,
            )
            if args.show:
                print(text)
    for word in ("broken", "healthy"):
        some = [one for one in told if one.word == word]
        right, also = sum(o.right for o in some), sum(bool(o.symptoms) for o in some)
        print(f"{word}: {right} of {len(some)} right, {also} with a symptom as a cause")


if __name__ == "__main__":
    main()
