"""Sick scripts that print held-out numbers, break down or ignore seeds: is the verdict right?

    python benchmarks/judged.py --part tune      # or hold: the part on which nothing was tuned

Each script of `tests/trial/sick_scripts.py` is tried with its edit, as by `relume prove --edit`. A
row is right where the verdict is one of those that the table allows, and where the numbers on
held-out rows that the script prints were found under their names.
"""

import argparse
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "trial"))

from sick_scripts import SCRIPTS, SickScript  # noqa: E402

from relume.errors import RelumeError  # noqa: E402
from relume.trial.pool import forkserver_client  # noqa: E402
from relume.trial.prove_edit import edit_of_words, prove  # noqa: E402
from relume.trial.scheduler import (  # noqa: E402
    ExecutionPlace,
    TrialRunner,
    TrialSetting,
    program_of,
)


def judged(script: SickScript, folder: Path, jobs: int) -> tuple[bool, str]:
    path = folder / "train.py"
    path.write_text(script.source)
    place = ExecutionPlace(jobs=jobs)
    runner = TrialRunner(TrialSetting(program_of(str(path), ()), folder=folder, where=place))
    try:
        trial = prove(runner, [edit_of_words(script.edit)])
    except RelumeError as error:
        return False, f"error: {error}"
    verdict = next(v for v in trial.verdicts if v.arm != "placebo")
    held = {name for run in runner.runs.values() for name in run.held_out}
    right = verdict.word in script.words and held == set(script.held)
    many = sum(name != "placebo" for name, _ in runner.runs)
    return right, f"{verdict.word} | {many} | {', '.join(sorted(held))} | {verdict.text}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--part", choices=("tune", "hold"), default="tune")
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    chosen = [s for s in SCRIPTS if s.held_out == (args.part == "hold") and args.only in s.name]
    rights = 0
    print("| script | right | word | runs | held out | text |\n|---|---|---|---|---|---|")
    for script in chosen:
        with tempfile.TemporaryDirectory() as folder:
            right, words = judged(script, Path(folder), args.jobs)
        rights += right
        print(f"| {script.name} | {'yes' if right else 'NO'} | {words} |", flush=True)
    print(f"{rights} of {len(chosen)} right")
    forkserver_client.forkservers.close()


if __name__ == "__main__":
    main()
