"""The hostile programs under `python` and under `relume run`, and the page with what was seen.

    python tests/hostile/table.py                  # run all, then write docs/hostile.md
    python tests/hostile/table.py --piece 1/8      # every eighth program; results are kept
    python tests/hostile/table.py --only fork      # programs whose name has this word
    python tests/hostile/table.py --page           # write the page from the kept results

Each program runs twice, once in each way. The results are kept in a JSON file (`--results`), one
entry a program, so that pieces add up; the page is written when all are there.
"""

import argparse
import json
import platform
import signal
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from hostile_attack import PARTS, Attack, differences, plainly, recorded
from hostile_ends import ENDS
from hostile_processes import PROCESSES
from hostile_starts import STARTS
from hostile_torch import TORCH

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "hostile.md"
FAMILIES = {
    "How a program starts": STARTS,
    "How it ends": ENDS,
    "What it starts": PROCESSES,
    "What it does with torch": TORCH,
}
ALL = {name: attack for family in FAMILIES.values() for name, attack in family.items()}
WORDS = {"out": "stdout", "err": "stderr", "code": "status", "files": "files"}

HEAD = """# Hostile programs

`relume run` shows what `python` shows. Each program below ran both ways; stdout, stderr, the exit
status or signal and every file left behind, with its bytes, were compared. The programs that train
print their last loss and a digest of their weights to the last bit. Where a stream is not compared,
the row says why.

"""


def look(attack: Attack) -> dict[str, Any]:
    """How it ended under `python`, and what differs under relume."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work"
        try:
            plain = plainly(attack, work)
            ours = recorded(attack, work, "--quiet")
        except (subprocess.TimeoutExpired, AssertionError) as error:
            return {"end": "none", "differs": [f"{type(error).__name__}: {error}"]}
    return {"end": ended(plain.code), "differs": differences(plain, ours, attack.same)}


def ended(code: int) -> str:
    """A status in words."""
    return signal.Signals(-code).name if code < 0 else f"exit {code}"


def page(seen: dict[str, Any]) -> str:
    """The page: a table for each family."""
    equal = sum(not row["differs"] for row in seen.values())
    limits = sum(bool(attack.limit) for attack in ALL.values())
    where = f"Python {platform.python_version()} on {platform.system()}"
    parts = [
        f"{equal} of {len(seen)} programs show the same ({where}, {date.today()}); {limits} of\n"
        "them are compared in part. `python tests/hostile/table.py` writes this page; the\n"
        "programs stand in `tests/hostile/`, and `make test` runs a sample of them.\n"
    ]
    for title, family in FAMILIES.items():
        parts.append(
            f"\n## {title}\n\n| program | ends with | compared | shows |\n|---|---|---|---|"
        )
        parts += [_row(name, attack, seen[name]) for name, attack in family.items()]
    return HEAD + "\n".join(parts) + "\n"


def _row(name: str, attack: Attack, row: dict[str, Any]) -> str:
    compared = "all" if set(attack.same) == set(PARTS) else ", ".join(WORDS[p] for p in attack.same)
    shows = "differs" if row["differs"] else "the same"
    if attack.limit:
        shows += f"; {attack.limit}"
    cells = (name, row["end"], compared, shows)
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--piece", default="1/1")
    parser.add_argument("--only", default="")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--results", type=Path, default=ROOT / ".relume" / "hostile.json")
    options = parser.parse_args()
    seen: dict[str, Any] = {}
    if options.results.exists():
        seen = json.loads(options.results.read_text("utf-8"))
    number, pieces = map(int, options.piece.split("/"))
    names = (
        [] if options.page else [n for n in list(ALL)[number - 1 :: pieces] if options.only in n]
    )
    for name in names:
        seen[name] = look(ALL[name])
        print(f"{'DIFFERS' if seen[name]['differs'] else 'equal':8}{name}", flush=True)
        for line in seen[name]["differs"]:
            print("    ", line[:1500], flush=True)
        options.results.parent.mkdir(parents=True, exist_ok=True)
        options.results.write_text(json.dumps(seen, indent=1), "utf-8")
    seen = {name: seen[name] for name in ALL if name in seen}
    if len(seen) == len(ALL):
        PAGE.write_text(page(seen), "utf-8")
    differ = sum(bool(row["differs"]) for row in seen.values())
    print(f"{len(seen)} of {len(ALL)} programs seen, {differ} differ")
    return int(differ > 0)


if __name__ == "__main__":
    raise SystemExit(main())
