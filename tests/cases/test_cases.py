"""The case zoo: a smoke share on every run, all of it as a slow test."""

import pytest
import torch
from zoo_registry import CASES, UNSEEN
from zoo_run import Verdict, judged, rows, wilson

SMOKE = (
    "double-softmax-mlp-relu-sgd-0",
    "rate-high-mlp-relu-adam-0",
    "shifted-inputs-deep-tanh-sgd-0",
    "constant-weights-mlp-tanh-sgd-0",
    "plain-mlp-relu-sgd-0",
    "partly-dead-hard---adam-0",
)


def test_there_are_enough_cases_and_the_hold_out_is_apart() -> None:
    broken = [case for case in CASES if case.codes]
    assert len(broken) >= 120
    assert len(CASES) - len(broken) >= 120
    assert len({case.name for case in CASES}) == len(CASES)
    assert {case.family for case in CASES} >= UNSEEN
    for case in CASES:
        seen = case.seed == 0 and case.family not in UNSEEN
        assert (case.part == "tune") is seen


@pytest.mark.parametrize("name", SMOKE)
def test_a_case_is_told_as_it_is(name: str) -> None:
    (case,) = (c for c in CASES if c.name == name)
    verdict = judged(case)
    assert verdict.right, verdict.told
    assert not case.codes or not verdict.symptoms


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_fresh_draws_keep_their_bars() -> None:
    """What was reached (`README.md` here), less two cases: 0.965 named, nothing loud or false."""
    torch.set_num_threads(1)
    verdicts = [judged(case) for case in CASES if case.part == "fresh"]
    broken = [v for v in verdicts if v.case.codes]
    healthy = [v for v in verdicts if not v.case.codes]
    missed = "\n".join(rows(verdicts))
    assert sum(v.right for v in broken) >= 0.945 * len(broken), missed
    assert sum(bool(v.symptoms) for v in broken) <= 0.03 * len(broken), missed
    assert sum(not v.right for v in healthy) <= 0.01 * len(healthy), missed


def test_wilson_against_its_own_equation() -> None:
    """The bounds are where the share lies z standard errors of its own from what was seen."""
    for hits, count in ((0, 10), (7, 10), (97, 100), (120, 120)):
        for bound in wilson(hits, count):
            if 0 < bound < 1:
                apart = abs(bound - hits / count)
                assert apart == pytest.approx(1.96 * (bound * (1 - bound) / count) ** 0.5)


def test_the_table_lists_what_was_missed() -> None:
    case = next(c for c in CASES if c.codes)
    good = Verdict(case, True, (), ("x error",), "stalled")
    bad = Verdict(case, False, ("ACT401@a",), (), "stalled")
    assert not [line for line in rows([good]) if line.startswith("- ")]
    (line,) = (line for line in rows([good, bad]) if line.startswith("- "))
    assert case.name in line
