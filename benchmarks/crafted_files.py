"""What each command says of crafted run files: how many are read, how many refused in a sentence.

    python benchmarks/crafted_files.py --files 2500 --seed 0 [--seconds 540] [--first]

The grammar is that of `tests/record/store/test_crafted_files.py`, whose slow test makes 10,000
files in one go; a seed gives the same files each time, so that parts may run apart.
"""

import argparse
import contextlib
import io
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import perf_counter, thread_time

from hypothesis import HealthCheck, Phase, given, seed, settings

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "record" / "store"))

from test_crafted_files import Changes, changes, forged, recorded_file

from relume.cli.app import main as relume

ENDS = {0: "read", 1: "read", 2: "refused in a sentence"}


def ended(command: list[str]) -> tuple[str, float]:
    """How a command ended, and its CPU seconds."""
    out, err, begun = io.StringIO(), io.StringIO(), thread_time()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = relume(command)
    except BaseException as error:
        return f"raised {type(error).__name__}", thread_time() - begun
    end = ENDS.get(code, f"exit {code}")
    if "Traceback" in err.getvalue() or (code == 2 and not err.getvalue().startswith("relume: ")):
        end = "without a sentence"
    return end, thread_time() - begun


def main() -> None:
    """Make the files, run the commands, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--files", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=1e9, help="after which no file is made")
    parser.add_argument("--first", action="store_true", help="only diagnose: three times as fast")
    options = parser.parse_args()
    counts: dict[str, Counter[str]] = {}
    slowest: dict[str, float] = {}
    made, begun = 0, perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = recorded_file(folder)
        (folder / "forged").mkdir()
        path = folder / "forged" / "run.sqlite"
        commands = {
            "diagnose": ["diagnose", "--isolated", str(path)],
            "diagnose, JSON": ["diagnose", "--isolated", "--output-format", "json", str(path)],
            "report": ["report", str(path), "-o", str(folder / "out.html")],
            "runs": ["runs", "--dir", str(path.parent)],
        }
        if options.first:
            commands = {"diagnose": commands["diagnose"]}

        @seed(options.seed)
        @given(changes())
        @settings(
            max_examples=options.files,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def each(statements: Changes) -> None:
            nonlocal made
            if perf_counter() - begun > options.seconds:
                return
            forged(whole, path, statements)
            made += 1
            for label, command in commands.items():
                end, seconds = ended(command)
                counts.setdefault(label, Counter())[end] += 1
                slowest[label] = max(slowest.get(label, 0.0), seconds)

        each()
    print(f"{made:,} files, seed {options.seed}, {perf_counter() - begun:.0f} s")
    for label, ends in counts.items():
        told = ", ".join(f"{count:,} {end}" for end, count in ends.most_common())
        print(f"{label}: {told}; slowest {slowest[label]:.2f} s of CPU")


if __name__ == "__main__":
    main()
