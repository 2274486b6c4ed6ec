"""Re-created public reports through `relume run`, each beside its healthy twin.

    python tests/field/table.py [--part tune|hold|all] [--only NAME] [--jobs 2] [--show]
    python tests/field/table.py --piece 1/6    # every sixth report; --sick: no twins
    python tests/field/table.py --folder DIR   # pairs NAME.py and NAME_ok.py with `# expect:` lines

Each report is a script as somebody would write it, made after a complaint in an issue tracker or a
forum (`source` in reports_*.toml), with a twin in which the fault is mended. Both run as plain
`python` and under `relume run`; standard output and the exit status must be the same, but for the
status of findings.

How a sick run is graded, by the roots of `warning` or above in the order in which they are told:

- right: the first of them has a code that the report names as right;
- partly: a later one has, or one has a code named as partly right, or a right code is told below
  `warning` or as a symptom;
- wrong: there are roots, and none of these holds;
- silent: there is no root, and the run is not called fine;
- false fine: there is no root, and the verdict is "fine" (where there is no verdict, as up to
  0.1.0: relume exits 0).

A healthy run is disturbed where any finding is a `warning` or above.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LOUD = ("warning", "error")
GRADES = ("right", "partly", "wrong", "silent", "false fine")
SECONDS = 300.0


@dataclass(frozen=True)
class Report:
    """One re-created report: its script, its twin, and what a good diagnosis says."""

    name: str
    sick: Path
    twin: Path | None
    right: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()
    kind: str = ""
    part: str = "tune"


@dataclass(frozen=True)
class Graded:
    """What came of one script."""

    report: Report
    sick: bool
    grade: str
    roots: tuple[str, ...]
    outcome: str
    same: bool


def reports(folder: Path | None = None) -> list[Report]:
    """Every report that is described beside this file, or every pair of a folder."""
    if folder is not None:
        scripts = [path for path in sorted(folder.glob("*.py")) if not path.stem.endswith("_ok")]
        return [Report(path.stem, path, _twin(path)) for path in scripts]
    every: list[Report] = []
    for table in sorted(HERE.glob("reports_*.toml")):
        for name, row in tomllib.loads(table.read_text("utf-8")).items():
            path = HERE / "reports" / f"{name}.py"
            codes = (tuple(row.get("right", ())), tuple(row.get("partly", ())))
            every.append(Report(name, path, _twin(path), *codes, row["kind"], row["part"]))
    return every


def _twin(path: Path) -> Path | None:
    twin = path.with_name(f"{path.stem}_ok.py")
    return twin if twin.exists() else None


def plain(script: Path, folder: str) -> tuple[int, str]:
    """Exit status and standard output under `python`."""
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


def watched(script: Path, folder: str) -> tuple[int, str, dict[str, Any]]:
    """Exit status, standard output and diagnosis under `relume run`."""
    out = Path(folder) / "diagnosis.json"
    options = ["--isolated", "--dir", folder, "--output-format", "json", "-o", str(out)]
    command = [sys.executable, "-m", "relume", "run", *options, str(script)]
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=4 * SECONDS,
        check=False,
    )
    told = json.loads(out.read_text("utf-8")) if out.exists() else {}
    return done.returncode, done.stdout, told


def grade(report: Report, *, sick: bool) -> Graded:
    """Run one script both ways and grade what is said of it."""
    script = report.sick if sick else report.twin
    assert script is not None
    with tempfile.TemporaryDirectory() as folder:
        code, said = plain(script, folder)
        status, heard, told = watched(script, folder)
    findings = told.get("findings", [])
    loud = [f for f in findings if f["severity"] in LOUD and not f["explained_by"]]
    roots = tuple(f"{f['code']}@{f['site'] or '-'}" for f in loud)
    same = said == heard and (status == code or (code == 0 and status == 1))
    outcome = told.get("outcome", {}).get("name", "none")
    if not sick:
        disturbed = any(f["severity"] in LOUD for f in findings)
        return Graded(report, sick, "disturbed" if disturbed else "quiet", roots, outcome, same)
    fine = told.get("verdict", "fine" if status == 0 else "") == "fine"
    name = f"{outcome}/{told.get('verdict', '-')}"
    return Graded(report, sick, _grade(report, findings, loud, fine), roots, name, same)


def _grade(
    report: Report, findings: list[dict[str, Any]], loud: list[dict[str, Any]], fine: bool
) -> str:
    codes = [f["code"] for f in loud]
    if codes and codes[0] in report.right:
        return "right"
    named = {f["code"] for f in findings if f["severity"] != "fact"}
    if named & set(report.right) or set(codes) & set(report.partly):
        return "partly"
    if codes:
        return "wrong"
    return "false fine" if fine else "silent"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", default="tune", choices=("tune", "hold", "all"))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--piece", default="1/1", help="I/N: every Nth report from the Ith")
    parser.add_argument("--sick", action="store_true", help="leave the twins out")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="the roots of every script")
    words = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    chosen = [
        report
        for report in reports(words.folder)
        if words.only in report.name and words.part in ("all", report.part)
    ]
    first, step = (int(word) for word in words.piece.split("/"))
    chosen = chosen[first - 1 :: step]
    twins = () if words.sick else (False,)
    jobs = [(r, sick) for r in chosen for sick in (True, *twins) if sick or r.twin is not None]
    with ThreadPoolExecutor(words.jobs) as pool:
        done = list(pool.map(lambda job: grade(job[0], sick=job[1]), jobs))
    for one in done:
        if words.show or one.grade in ("wrong", "silent", "false fine", "disturbed"):
            twin = "" if one.sick else " (twin)"
            roots = ", ".join(one.roots) or "-"
            right = "|".join(one.report.right)
            print(
                f"{one.report.name + twin:<44} {one.grade:<10} {one.outcome:<22} {roots} <{right}>"
            )
    sick = Counter(one.grade for one in done if one.sick)
    total = sum(sick.values())
    print("  ".join(f"{name} {sick[name]}" for name in GRADES), f" of {total}")
    healthy = [one for one in done if not one.sick]
    print(f"healthy disturbed {sum(one.grade == 'disturbed' for one in healthy)} of {len(healthy)}")
    other = [one.report.name for one in done if not one.same]
    print(f"other output or status than python: {', '.join(other) or 'none'}")


if __name__ == "__main__":
    main()
