"""Run the zoo and every fault, and print the tables of docs/zoo.md.

python tests/record/zoo_table.py [--steps 200] [--write]
"""

import argparse
import random
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
import store_training
import test_no_trace as traces
import torch
from test_store_faults import said as reading
from zoo_entries import GROUPS, ZOO
from zoo_kinds import Entry, Place
from zoo_watch import left_in_torch, plain, recorded

import relume
from relume.core import Trace

PAGE = Path(__file__).parents[2] / "docs" / "zoo.md"
BEGIN, END = "<!-- made by python tests/record/zoo_table.py: {} -->", "<!-- end -->"
YES, NO = "yes", "**no**"


def places(sites: list[Place]) -> str:
    """The acts and how often: ``relu, 2 x sigmoid``."""
    counts = Counter(act for _, act, *_ in sites)
    return ", ".join(act if n == 1 else f"{n} x {act}" for act, n in counts.items()) or "none"


def gradients(entry: Entry, trace: Trace) -> str:
    """Of how many of the sites that have a slope."""
    sloped = [s for s in trace.sites_of("act") if s.act != "softmax"]
    have = sum(trace.series(s.name, "grad_pre_rms") is not None for s in sloped)
    if not sloped:
        return "-"
    why = next(iter(entry.blind.values()), "")
    return f"{have} of {len(sloped)}" + (f": {why}" if why else "")


def row(name: str, entry: Entry, steps: int, folder: Path) -> list[str]:
    """One form's row of the table."""
    told = len(entry.sites)
    if entry.needs and find_spec(entry.needs) is None:
        return [f"`{name}`", places(entry.sites), "not run", "-", "-", "-"]
    path = folder / f"{abs(hash(name))}.sqlite"
    watched, trace = recorded(entry, path, steps, **entry.exactly)
    if entry.exactly:  # which leaves closed what it would open otherwise
        _, trace = recorded(entry, path.with_suffix(".open.sqlite"))
    acts = [(s.name, s.act, s.layer, s.role) for s in trace.sites_of("act")]
    right = sum(a == b for a, b in zip(acts, entry.sites, strict=False))
    seen = f"{right} of {told}" if right == told == len(acts) else f"**{right} of {told}**"
    hidden = ", ".join(f"{f.data['operation']}" for f in trace.facts_of("opaque")) or "-"
    same = YES if watched == plain(entry, steps) and not left_in_torch() else NO
    same += " (`exact`)" if entry.exactly else ""
    return [f"`{name}`", places(entry.sites), seen, gradients(entry, trace), hidden, same]


def zoo(steps: int, folder: Path) -> Iterator[str]:
    """The zoo as a Markdown table."""
    head = ["form", "acts expected", "sites seen", "gradients", "said to be hidden"]
    yield line([*head, f"{steps} steps bit-identical"])
    yield line(["---"] * 6)
    for title, group in GROUPS.items():
        yield line([f"**{title}** ({len(group)})", *[""] * 5])
        for name, entry in group.items():
            yield line(row(name, entry, steps, folder))


def faults(folder: Path) -> Iterator[str]:
    """The faults as a Markdown table: of the run file, of the user's program, of ours."""
    yield line(["fault", "what is said", "training bit-identical", "left in torch"])
    yield line(["---"] * 4)
    bare = store_training.train()[0]
    for name, (make, _) in store_training.FAULTS.items():
        told, run = store_training.watched(folder / name / "run.sqlite", make)
        said = " ".join(run.problems) or f"to who reads it: {reading(run)}"
        said = said.replace(f"{folder}/{name}/", "")
        yield line([f"run file: {name}", said, YES if told == bare else NO, left()])
    net = traces.run(None, 12)
    for owner, method in traces.TARGETS:
        same, said = injected(owner, method, folder / f"{owner.__name__}-{method}.sqlite", net)
        yield line([f"error of ours in `{owner.__name__}.{method}`", said, same, left()])
    for name, owner, method in traces.MORE:
        entry, path = ZOO[name], folder / f"{owner.__name__}-{method}-more.sqlite"
        bare, (watched, said) = plain(entry), traces.with_error(entry, owner, method, path)
        what = f"error of ours in `{owner.__name__}.{method}` ({name})"
        yield line(
            [what, said[0] if said else "**nothing**", YES if watched == bare else NO, left()]
        )


def injected(owner: type, method: str, path: Path, bare: Any) -> tuple[str, str]:
    """Whether a training is the same with an error in a function of ours, and what is said."""
    torch.manual_seed(0)
    random.seed(0)
    np.random.seed(0)
    model = traces.Net()
    run = relume.watch(model, path=path, every=1)
    with patch.object(owner, method, side_effect=traces.Boom("injected")):
        losses = traces.train(model, 12)
        run.close()
    state = model.state_dict()
    same = losses == bare[0] and all(torch.equal(v, state[n]) for n, v in bare[1][0].items())
    return YES if same else NO, run.problems[0] if run.problems else "**nothing**"


def left() -> str:
    return ", ".join(left_in_torch()) or "nothing"


def line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def replaced(page: str, name: str, table: str) -> str:
    """The page with another table between its marks."""
    head, mark, rest = page.partition(BEGIN.format(name))
    assert mark, f"docs/zoo.md has no mark for {name}"
    return f"{head}{mark}\n{table}\n{END}{rest.partition(END)[2]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--write", action="store_true", help="into docs/zoo.md")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as place:
        tables = {
            "zoo": "\n".join(zoo(args.steps, Path(place))),
            "faults": "\n".join(faults(Path(place))),
        }
    if args.write:
        page = PAGE.read_text("utf-8")
        for name, table in tables.items():
            page = replaced(page, name, table)
        PAGE.write_text(page, "utf-8")
    else:
        print("\n\n".join(tables.values()))


if __name__ == "__main__":
    main()
