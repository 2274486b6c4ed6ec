"""Run the case zoo and print the table by family, with Wilson intervals, and what was missed.

python tests/cases/table.py [--part tune|hold|fresh|all] [--seed N] [--family NAME] [--show NAME]
"""

import argparse
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import torch
from zoo_registry import CASES, drawn
from zoo_run import Case, Verdict, diagnosed, judged, rows


def cases(seed: int | None) -> tuple[Case, ...]:
    return CASES if seed is None else drawn(seed)


def run(case: Case) -> Verdict:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    return judged(case)


Plain = tuple[bool, tuple[str, ...], tuple[str, ...], str, bool]


def plainly(verdict: Verdict) -> Plain:
    """Without the case, whose functions do not travel between processes."""
    return verdict.right, verdict.symptoms, verdict.told, verdict.outcome, verdict.noted


def work(which: tuple[int | None, int]) -> Plain:
    """One line for each case as it ends, so that a sweep that is cut short is not lost."""
    case = cases(which[0])[which[1]]
    told = plainly(run(case))
    right, symptoms, said, outcome, noted = told
    mark = "ok  " if right and not symptoms else "note" if noted and not symptoms else "MISS"
    words = "; ".join(said) or "nothing"
    print(f"{mark} {case.name}: {outcome}; told {words}", file=sys.stderr, flush=True)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", default="fresh", choices=("tune", "hold", "fresh", "all"))
    parser.add_argument("--seed", type=int, help="a draw that nobody has looked at, of any number")
    parser.add_argument("--family", default="", help="only families that contain this")
    parser.add_argument("--show", default="", help="print the diagnosis of one case, by its name")
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    every = cases(args.seed)
    part = args.part if args.seed is None else "all"
    if args.show:
        torch.set_num_threads(1)
        for case in (c for c in every if args.show in c.name):
            print(f"== {case.name} ({case.part})\n{diagnosed(case)}\n")
        return
    wanted = [
        at
        for at, case in enumerate(every)
        if part in ("all", case.part) and args.family in case.family
    ]
    get = get_context("spawn")
    with ProcessPoolExecutor(args.jobs, mp_context=get) as pool:
        found = [
            Verdict(every[at], *told)
            for at, told in zip(
                wanted, pool.map(work, [(args.seed, at) for at in wanted]), strict=False
            )
        ]
    said = f"part: {part}" if args.seed is None else f"seed: {args.seed}"
    print(f"{len(wanted)} cases of {len(every)}, {said}\n")
    print("\n".join(rows(found)))


if __name__ == "__main__":
    main()
