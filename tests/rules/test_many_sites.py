"""The work of a diagnosis grows with the number of sites, not with its square."""

import random
import sys
from typing import Any

import pytest
from traces import many_acts

from relume.core import Evidence, Finding, Severity
from relume.diagnosis import all_rules, diagnose
from relume.rules.cause_graph import Causers, _may_explain, cause_setting

FEW, MANY = 60, 240
GROWTH = 1.1  # of the calls for four times the sites, over four times the calls: sorting may add


def calls(count: int, *, broken: bool) -> int:
    """The Python and C calls of one diagnosis."""
    trace = many_acts(count, broken=broken).trace()
    made = 0

    def count_calls(frame: Any, event: str, argument: Any) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count_calls)
    try:
        diagnose(trace)
    finally:
        sys.setprofile(before)
    return made


@pytest.mark.parametrize("broken", [False, True])
def test_four_times_the_acts_are_four_times_the_calls(broken: bool) -> None:
    diagnose(many_acts(3, broken=True).trace())  # rules are imported, regular expressions compiled
    few, many = calls(FEW, broken=broken), calls(MANY, broken=broken)
    assert many <= GROWTH * MANY / FEW * few


def test_a_broken_layer_is_found_at_each_act() -> None:
    """The twin: what is counted above is real work, with two findings a layer."""
    assert len(diagnose(many_acts(FEW, broken=True).trace()).findings) >= 2 * FEW
    assert diagnose(many_acts(FEW).trace()).findings == ()


@pytest.mark.parametrize("seed", range(20))
def test_the_cause_is_the_first_by_rank_that_may_explain(seed: int) -> None:
    """An independent way: every cause is asked, in order."""
    draw = random.Random(seed)
    where = cause_setting(many_acts(12).trace(), all_rules())
    sites = [*(f"act{at}" for at in range(1, 13)), ""]
    code = draw.choice(["ACT401", "ACT402", "ACT602", "ACT605", "ACT301"])
    targets = next(rule for rule in all_rules() if rule.code == code).explains

    def finding(code: str) -> Finding:
        return Finding(
            code=code,
            name=code,
            severity=draw.choice([Severity.NOTE, Severity.WARNING, Severity.ERROR]),
            site=draw.choice(sites),
            steps=(draw.randrange(0, 400, 40), 399),
            text="",
            evidence=Evidence(draw.choice(["share", "nonfinite_places"]), 1.0, 0.5),
        )

    unique = {found.key: found for found in (finding(code) for _ in range(30))}
    causers = sorted(
        unique.values(), key=lambda f: (-f.severity, f.steps[0], where.place(f), f.key)
    )
    able = Causers(causers, where)
    for symptom in (finding(draw.choice(targets)) for _ in range(60)):
        beside = [c for c in causers if c.site == symptom.site]
        first = (c for c in (*beside, *causers) if _may_explain(c, symptom, where))
        assert able.best_for(symptom) == next(first, None)
