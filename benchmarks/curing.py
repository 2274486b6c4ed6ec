"""`relume fix` on sick scripts as users write them (`cure_scripts/`): cured, proven, with a patch?

    python benchmarks/curing.py --part tune     # even numbers; --part hold: odd ones
    python benchmarks/curing.py --part hold2    # s64 and up, h18 and up
    python benchmarks/curing.py --only s04 s27
    python benchmarks/curing.py --report        # what is known so far

Every script says in its docstring what is sick and which training loss a repair must reach. Each
patch is applied by git to a copy, and the copy is run as a script: does it reach the goal? Healthy
scripts must be left alone. Finished scripts are kept in ``--dir`` and not run again.

`hold2` was written on 1 December 2026 by somebody who had not read the rules; each goal was reached
by a repair by hand in plain Python, and scripts and roots were committed before any was diagnosed.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from relume.core.trial import Cure
from relume.errors import UsageError
from relume.trial.fix_search import cure
from relume.trial.judge.held_out import counting
from relume.trial.judge.objective import direction
from relume.trial.paired_trial import BASE
from relume.trial.scheduler import ExecutionPlace, TrialRunner, TrialSetting, program_of

SCRIPTS = Path(__file__).resolve().parent / "cure_scripts"
ROOTS = {
    "s00": "ACT605", "s01": "ACT606", "s02": "ACT201", "s03": "ACT202", "s04": "ACT601",
    "s05": "ACT301 ACT501", "s06": "ACT702 ACT605", "s07": "ACT702 ACT605", "s08": "ACT203 ACT204",
    "s09": "ACT204", "s10": "ACT206", "s11": "ACT205", "s12": "ACT303", "s13": "ACT302",
    "s14": "ACT203", "s15": "ACT608", "s16": "ACT101", "s17": "ACT605", "s18": "ACT605",
    "s19": "ACT606", "s20": "ACT301", "s21": "ACT605", "s22": "ACT603 ACT903",
    "s23": "ACT603 ACT903", "s24": "ACT605", "s25": "ACT604 ACT702", "s26": "ACT301 ACT602",
    "s27": "ACT601 ACT605", "s28": "ACT605", "s29": "ACT701", "s30": "ACT605 ACT602",
    "s31": "ACT201", "s34": "ACT605", "s35": "ACT605", "s36": "ACT301 ACT601",
    "s37": "ACT301 ACT602", "s38": "ACT203 ACT206", "s39": "ACT201", "s40": "ACT203",
    "s41": "ACT202", "s42": "ACT206", "s43": "ACT206", "s44": "ACT203 ACT204",
    "s45": "ACT203 ACT204", "s46": "ACT702 ACT701", "s47": "ACT701 ACT702", "s48": "ACT302",
    "s49": "ACT302", "s50": "ACT303", "s51": "ACT303", "s52": "ACT608", "s53": "ACT608",
    "s54": "ACT606", "s55": "ACT606", "s56": "ACT605", "s57": "ACT601", "s58": "ACT101",
    "s59": "ACT101", "s60": "ACT604", "s61": "ACT604", "s62": "ACT602 ACT301 ACT609",
    "s63": "ACT605",
    "s64": "ACT605", "s65": "ACT702 ACT701", "s66": "ACT601", "s67": "ACT201", "s68": "ACT901",
    "s69": "ACT605", "s70": "ACT606", "s71": "ACT202", "s72": "ACT203 ACT303",
    "s73": "ACT206", "s74": "ACT203 ACT204", "s75": "ACT303", "s76": "ACT903",
    "s77": "ACT301 ACT601", "s78": "ACT301 ACT501 ACT609", "s79": "ACT608",
    "s80": "ACT203 ACT204", "s81": "ACT604", "s82": "ACT604", "s83": "ACT101 ACT102",
    "s84": "ACT205", "s85": "ACT702", "s86": "ACT301 ACT605", "s87": "ACT702 ACT203 ACT204",
    "s88": "ACT201 ACT606", "s89": "ACT101", "s90": "ACT302", "s91": "ACT605", "s92": "ACT605",
    "s93": "ACT604 ACT702",
}  # fmt: skip
"""The rules that name what is sick, by script: written before the first of them was diagnosed."""
LATER = {"s": 64, "h": 18}
"""The first numbers of the part `hold2`, which is in no other part."""


def scripts(part: str, only: list[str]) -> list[Path]:
    """The scripts of a part: by the number in the name, so that new scripts move no old one."""
    every = sorted(SCRIPTS.glob("*.py"))
    if only:
        return [path for path in every if path.name.startswith(tuple(only))]
    later = [path for path in every if int(path.name[1:3]) >= LATER[path.name[0]]]
    if part == "hold2":
        return later
    wanted = {"tune": (0,), "hold": (1,), "all": (0, 1)}[part]
    return [path for path in every if int(path.name[1:3]) % 2 in wanted and path not in later]


def goal(path: Path) -> float | None:
    """The training loss that a repair must reach; None of healthy and incurable scripts."""
    match = re.search(r"Goal: loss ([0-9.]+)\.", path.read_text().split('"""')[1])
    return float(match[1]) if match else None


def treated(path: Path, folder: Path, jobs: int) -> dict[str, object]:
    """Treat a script, and run its patch."""
    where = ExecutionPlace(jobs=jobs)
    runner = TrialRunner(TrialSetting(program_of(str(path), []), folder=folder, where=where))
    row: dict[str, object] = {"case": path.stem, "goal": goal(path)}
    try:
        found = cure(runner)
    except UsageError as error:
        return row | {"word": f"refused: {error}"}
    before = [f.code for f in found.diagnosis.roots]
    base = runner.runs.get((BASE.name, 0))
    if base is None:
        return row | {"word": found.word, "runs": runner.executed}
    row |= {
        "word": found.word,
        "fails": found.fails,
        "outcome": found.diagnosis.outcome.name,
        "root": found.root.code if found.root else "",
        "root before": found.diagnosis.meta.get("root before", before[0] if before else ""),
        "fix": found.text,
        "runs": runner.executed,
        "tried": [f"{arm.text}" for trial in found.trials[:1] for arm in trial.arms[1:]],
        "base": base.metrics.get("loss"),
        "taught": list(found.taught),
        "patch": found.patch_text,
        "by hand": found.by_hand,
        "seconds": base.seconds,
    }
    if found.verdict is not None:
        arm = runner.runs[found.verdict.arm, 0]
        row["cured"] = arm.metrics.get("loss")
        row["verdict"] = found.verdict.text
        row["held out"] = held_out(runner, found.verdict.arm)
    row["proofs"] = [str(trial) for trial in found.trials[1:]]
    if found.diff:
        row["diff"] = found.diff
        row["applied"] = applied(path, found, folder)
    return row


def held_out(runner: TrialRunner, arm: str) -> dict[str, tuple[float, float, str]]:
    """Return the first and the last value, over all seeds, of what the cured script prints on
    held-out rows, and which direction is better: accuracies where it prints one."""
    runs = [run for (name, _), run in runner.runs.items() if name == arm]
    found: dict[str, tuple[float, float, str]] = {}
    for name in counting(sorted(set.intersection(*(set(run.held_out) for run in runs)))):
        values = [run.held_out[name] for run in runs if len(run.held_out[name]) > 1]
        if values:
            first, last = (statistics.mean(each[at] for each in values) for at in (0, -1))
            found[name] = (first, last, direction(name))
    return found


def applied(path: Path, found: Cure, folder: Path) -> float | str | None:
    """Apply the patch to a copy with git, run the copy, and return its training loss."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for change in found.changes:
            target = root / change.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(change.before.encode())
        git = ["git", "apply", "--unsafe-paths", "-"]
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        given = {"input": found.diff, "text": True, "capture_output": True}
        done = subprocess.run(git, cwd=root, check=False, **given)  # type: ignore[call-overload]
        if done.returncode:
            return done.stderr
        file = root / next(c.file for c in found.changes if c.file.endswith(path.name))
        runner = TrialRunner(TrialSetting(program_of(str(file), []), folder=folder / "patched"))
        runner.run([BASE], [0])
        run = runner.runs[BASE.name, 0]
        return run.problem or run.metrics.get("loss")


def report(rows: list[dict[str, object]]) -> None:
    """Print what was measured; of a script that was treated twice the first time counts."""
    rows = list({str(row["case"]): row for row in reversed(rows)}.values())[::-1]
    sick = [row for row in rows if row["goal"] is not None]
    lost = [row for row in rows if str(row["case"]).startswith("s") and row["goal"] is None]
    well = [row for row in rows if str(row["case"]).startswith("h")]
    proven = [row for row in sick if row["word"] == "proven"]
    cured = [row for row in proven if reached(row, "cured")]
    patched = [row for row in proven if row.get("diff")]
    works = [row for row in patched if reached(row, "applied")]
    runs = [int(str(row["runs"])) for row in proven]
    silent = [row for row in (*sick, *lost) if row["word"] == "nothing to fix"]
    print(f"sick and curable: {len(sick)}; proven {len(proven)}; cured and proven {len(cured)}")
    print(f"proven with a patch: {len(patched)}; applied by git, run and at the goal {len(works)}")
    print(f"sick, but 'nothing to fix': {len(silent)} of {len(sick) + len(lost)}")
    left = [row for row in well if row["word"] in ("nothing to fix", "leave it")]
    print(f"healthy: {len(well)}; left alone {len(left)}")
    printing = [row for row in proven if row.get("held out")]
    worse = [row for row in printing if got_worse(row)]
    print(f"proven and printing held-out numbers: {len(printing)}; worse at their end {len(worse)}")
    if runs:
        print(f"runs for a proven cure: median {statistics.median(runs)}, most {max(runs)}")
    for what in ("root before", "root"):
        right = [r for r in sick if r.get(what) and str(r[what]) in ROOTS[str(r["case"])[:3]]]
        print(f"first cause exact, by the {what}: {len(right)} of {len(sick)}")
    for row in rows:
        words = [row["case"], row["word"], row.get("root before"), row.get("root"), row.get("fix")]
        numbers = [row.get(name) for name in ("base", "cured", "applied", "goal", "runs")]
        print(" | ".join(str(word) for word in (*words, *(short(n) for n in numbers))))


def got_worse(row: dict[str, object]) -> bool:
    """Whether a held-out number of the cured script is worse at its end than at its start."""
    found: dict[str, tuple[float, float, str]] = row["held out"]  # type: ignore[assignment]
    return any(
        last < first if way == "max" else last > first for first, last, way in found.values()
    )


def reached(row: dict[str, object], what: str) -> bool:
    """Whether that loss is at the goal."""
    value, wanted = row.get(what), row["goal"]
    return isinstance(value, float) and isinstance(wanted, float) and value <= wanted


def short(value: object) -> object:
    """A number to three digits."""
    return f"{value:.3g}" if isinstance(value, float) else value


def main() -> None:
    """Treat the wanted scripts, and print the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--part", default="tune", choices=("tune", "hold", "hold2", "all"))
    parser.add_argument("--only", nargs="*", default=[], help="beginnings of names")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--dir", type=Path, default=Path(".relume/curing"))
    parser.add_argument("--report", action="store_true")
    args = parser.parse_args()
    args.dir.mkdir(parents=True, exist_ok=True)
    kept = args.dir / "cases.jsonl"
    rows = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    done = {row["case"] for row in rows}
    for path in () if args.report else scripts(args.part, args.only):
        if path.stem in done:
            continue
        row = treated(path, args.dir.absolute(), args.jobs)
        rows.append(row)
        with kept.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{path.stem}: {row['word']} {row.get('root')} {row.get('fix')}", file=sys.stderr)
    report(rows)


if __name__ == "__main__":
    main()
