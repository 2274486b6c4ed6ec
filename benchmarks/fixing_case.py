"""One case of the zoo as a script: `python benchmarks/fixing_case.py NAME [--twin]`.

The twin is the same network, data and optimiser without the fault.
"""

import sys
from functools import partial
from pathlib import Path

import sklearn.datasets  # noqa: F401  (what every case loads; imported once by a warm process)
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "cases"))

from dataclasses import replace

from zoo_nets import build
from zoo_registry import CASES
from zoo_run import optimizer_of, train

name = sys.argv[1]
case = next(case for case in CASES if case.name == name)
if "--twin" in sys.argv[2:]:
    case = replace(case, make=partial(build, case.arch, case.act))
torch.manual_seed(case.seed)
setup = case.make()
if "--twin" in sys.argv[2:] and case.family == "target-range":
    setup.y = setup.y * 4  # wide targets are the data; the tanh in front of them is the fault
train(setup, optimizer_of(case, setup), case.seed)
