"""`relume fix` on the cases: what ends proven, whether the healthy twin's level is reached, and
whether healthy trainings are left alone.

    python benchmarks/fixing.py --part fresh --broken 40 --healthy 40   # a sample, resumable
    python benchmarks/fixing.py --only rate-spike rate-low       # the cases of these names
    python benchmarks/fixing.py --report                                # what is known so far

The level is reached if the repaired runs come within two points of the twin's accuracy at the
criterion, or within a tenth of its loss. Finished cases are kept in ``--dir`` and not run again.
"""

import argparse
import json
import random
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "cases"))

from zoo_registry import CASES  # noqa: E402
from zoo_run import Case, wilson  # noqa: E402

from relume.core.trial import Cure, TrialRun  # noqa: E402
from relume.errors import UsageError  # noqa: E402
from relume.trial.fix_search import cure  # noqa: E402
from relume.trial.judge.arm_summary import interval  # noqa: E402
from relume.trial.paired_trial import BASE  # noqa: E402
from relume.trial.scheduler import ExecutionPlace, TrialRunner, TrialSetting, program_of  # noqa: E402

SCRIPT = str(HERE / "fixing_case.py")


def sample(part: str, broken: int, healthy: int) -> list[Case]:
    """One case of every family in turn, in an order that does not depend on what they give."""
    cases = [case for case in CASES if part in ("all", case.part)]
    random.Random(0).shuffle(cases)
    sick = spread([case for case in cases if case.codes])[:broken]
    return sick + spread([case for case in cases if not case.codes])[:healthy]


def spread(cases: list[Case]) -> list[Case]:
    seen: Counter[str] = Counter()
    ranked: list[tuple[int, int, Case]] = []
    for at, case in enumerate(cases):
        ranked.append((seen[case.family], at, case))
        seen[case.family] += 1
    return [case for _, _, case in sorted(ranked, key=lambda each: each[:2])]


def wanted(args: argparse.Namespace) -> list[Case]:
    if args.only:
        return [case for case in CASES if case.name.startswith(tuple(args.only))]
    return sample(args.part, args.broken, args.healthy)


def treated(case: Case, folder: Path, jobs: int, seeds: int) -> dict[str, object]:
    where = ExecutionPlace(jobs=jobs)
    runner = TrialRunner(TrialSetting(program_of(SCRIPT, [case.name]), folder=folder, where=where))
    try:
        found = cure(runner, seeds=seeds)
    except UsageError as error:  # such as: models trained against each other want a --metric
        return {
            "case": case.name,
            "family": case.family,
            "broken": bool(case.codes),
            "word": "asks for a metric" if "--metric" in str(error) else "refused",
            "root": "",
            "fix": "",
            "advice": [],
        }
    row: dict[str, object] = {
        "case": case.name,
        "family": case.family,
        "broken": bool(case.codes),
        "word": found.word,
        "root": found.root.key if found.root else "",
        "outcome": found.diagnosis.outcome.name,
        "right": bool(found.root and found.root.code in case.codes),
        "fix": found.text,
        "verdict": found.verdict.text if found.verdict else "",
        "tried": [arm.name for trial in found.trials for arm in trial.arms if arm.edits],
        "words": [v.word for trial in found.trials for v in trial.verdicts],
        "advice": [edit.fix for edit in found.advice],
        "runs": runner.executed,
    }
    if case.codes:
        twin = TrialRunner(
            TrialSetting(program_of(SCRIPT, [case.name, "--twin"]), folder=folder, where=where)
        )
        twin.run([BASE], range(seeds))
        row |= levels(found, runner, [twin.runs["base", k] for k in range(seeds)])
    return row


def levels(found: Cure, runner: TrialRunner, twin: list[TrialRun]) -> dict[str, object]:
    base = [run for (name, _), run in runner.runs.items() if name == "base"]
    arm = found.verdict.arm if found.verdict else ""
    cured = [run for (name, _), run in runner.runs.items() if name == arm]
    numbers: dict[str, object] = {}
    for what in ("loss", "yard:accuracy", "yard:auc", "yard:error"):
        for name, runs in (("base", base), ("cured", cured), ("twin", twin)):
            values = [s.metrics[what] for s in runs if what in s.metrics and not s.diverged]
            numbers[f"{name} {what}"] = interval(values)[0]
    return {**numbers, "reached": reached(numbers)}


def reached(n: dict[str, object]) -> bool:
    def pair(what: str) -> tuple[float, float] | None:
        a, b = n[f"cured {what}"], n[f"twin {what}"]
        return (a, b) if isinstance(a, float) and isinstance(b, float) else None

    points = [p for what in ("yard:accuracy", "yard:auc") if (p := pair(what)) is not None]
    losses = [p for what in ("loss", "yard:error") if (p := pair(what)) is not None]
    return any(a >= b - 0.02 for a, b in points) or any(a <= 1.1 * b for a, b in losses)


def report(rows: list[dict[str, object]]) -> None:
    sick = [row for row in rows if row["broken"]]
    vain = [row for row in sick if not worth_it(row)]
    hand = [row for row in sick if worth_it(row) and by_hand(row)]
    treatable = [row for row in sick if row not in vain and row not in hand]
    proven = [row for row in treatable if row["word"] == "proven"]
    well = [row for row in rows if not row["broken"]]
    print("| what | of | count | 95 % interval |\n|---|---|---|---|")
    for what, some, of in (
        ("broken: something to fix was found", [r for r in sick if r["root"]], sick),
        ("broken, but the twin learns no better", vain, sick),
        ("broken, nothing was called, or the cure is by hand (a loss rewritten)", hand, sick),
        ("the other broken ones: ended proven", proven, treatable),
        ("proven: the twin's level is reached", [r for r in proven if r["reached"]], proven),
        ("healthy: nothing to fix", [r for r in well if r["word"] == "nothing to fix"], well),
        ("healthy: proven all the same", [r for r in well if r["word"] == "proven"], well),
    ):
        low, high = wilson(len(some), len(of))
        print(f"| {what} | {len(of)} | {len(some)} | {low:.2f} to {high:.2f} |")
    print("\n| case | root | ended | by | base | cured | twin | reached |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        if row["broken"] or row["word"] != "nothing to fix":
            marks = [_short(row, name) for name in ("base", "cured", "twin")]
            print(
                f"| {row['case']} | {row['root']} | {row['word']} | {row['fix']} | "
                f"{' | '.join(marks)} | {row.get('reached', '')} |"
            )


def by_hand(row: dict[str, object]) -> bool:
    """Nothing was called; or the user's own loss, which spreads a column against a row."""
    root = str(row["root"])
    return not root or (bool(row["advice"]) and root.startswith("ACT206"))


def worth_it(row: dict[str, object]) -> bool:
    """Whether the twin is better than the broken run by what a trial calls a gain: a fault without
    a consequence has no cure to be proved."""
    base, twin = row.get("base loss"), row.get("twin loss")
    if not isinstance(base, float) or not isinstance(twin, float):
        return isinstance(twin, float)
    return base - twin > 0.1 * base or row["word"] == "proven"


def _short(row: dict[str, object], name: str) -> str:
    parts = []
    for what, sign in (("loss", ""), ("yard:accuracy", "acc "), ("yard:auc", "auc ")):
        value = row.get(f"{name} {what}")
        if isinstance(value, float):
            parts.append(f"{sign}{value:.3g}")
    return ", ".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--part", default="fresh", choices=("tune", "hold", "fresh", "all"))
    parser.add_argument("--broken", type=int, default=30)
    parser.add_argument("--healthy", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--dir", type=Path, default=Path(".relume/fixing"))
    parser.add_argument("--only", nargs="*", default=[], help="beginnings of names")
    parser.add_argument("--report", action="store_true")
    args = parser.parse_args()
    args.dir.mkdir(parents=True, exist_ok=True)
    kept = args.dir / "cases.jsonl"
    rows = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    done = {row["case"] for row in rows}
    for case in () if args.report else wanted(args):
        if case.name in done:
            continue
        row = treated(case, args.dir.absolute(), args.jobs, args.seeds)
        rows.append(row)
        with kept.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{case.name}: {row['word']} {row['root']} {row['fix']}", file=sys.stderr)
    report(rows)


if __name__ == "__main__":
    main()
