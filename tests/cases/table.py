"""Run the case zoo and print the table by family, with Wilson intervals, and what was missed.

python tests/cases/table.py [--part tune|hold|fresh|all] [--family NAME] [--show NAME]
"""

import argparse
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import torch
from zoo_registry import CASES
from zoo_run import Verdict, diagnosed, judged, rows


def run(at: int) -> Verdict:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    return judged(CASES[at])


Plain = tuple[bool, tuple[str, ...], tuple[str, ...], str, bool]


def plainly(verdict: Verdict) -> Plain:
    """Without the case, whose functions do not travel between processes."""
    return verdict.right, verdict.symptoms, verdict.told, verdict.outcome, verdict.noted


def work(at: int) -> Plain:
    told = plainly(run(at))
    if not told[0] or told[1]:
        print(f"  {CASES[at].name}: {told}", file=sys.stderr, flush=True)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", default="fresh", choices=("tune", "hold", "fresh", "all"))
    parser.add_argument("--family", default="", help="only families that contain this")
    parser.add_argument("--show", default="", help="print the diagnosis of one case, by its name")
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    if args.show:
        torch.set_num_threads(1)
        for case in (c for c in CASES if args.show in c.name):
            print(f"== {case.name} ({case.part})\n{diagnosed(case)}\n")
        return
    wanted = [
        at
        for at, case in enumerate(CASES)
        if args.part in ("all", case.part) and args.family in case.family
    ]
    get = get_context("spawn")
    with ProcessPoolExecutor(args.jobs, mp_context=get) as pool:
        found = [
            Verdict(CASES[at], *told)
            for at, told in zip(wanted, pool.map(work, wanted), strict=False)
        ]
    print(f"{len(wanted)} cases of {len(CASES)}, part: {args.part}\n")
    print("\n".join(rows(found)))


if __name__ == "__main__":
    main()
