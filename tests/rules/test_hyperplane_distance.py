"""How far dead hyperplanes lie from the data: on paper, and where it cannot be said."""

from dataclasses import replace

import numpy as np
import pytest
from traces import dead, flat, healthy

from relume.core import Finding, Trace
from relume.diagnosis import all_rules
from relume.rules.hyperplane_distance import distance


def told(trace: Trace, code: str) -> Finding:
    (rule,) = (rule for rule in all_rules() if rule.code == code)
    found = [result for result in rule.check(trace) if isinstance(result, Finding)]
    return found[0]


def test_dead_and_born_dead_units_say_the_same_of_the_same() -> None:
    trace = healthy(flat(), dead_from=dead(0.4)).trace()  # mean -3, deviation 1, maximum -0.5
    for code in ("ACT401", "ACT303"):
        finding = told(trace, code)
        assert finding.evidence.more["distance"] == pytest.approx(3.0)
        assert finding.evidence.more["margin"] == pytest.approx(-0.5)
        assert "lies 3.0 standard deviations below zero, its maximum at -0.5" in finding.message


def test_of_units_that_died_the_samples_before_do_not_count() -> None:
    late = healthy(flat(), dead_from=dead(0.4, 2)).trace()  # alive, and centred, in two of five
    assert told(late, "ACT401").evidence.more["distance"] == pytest.approx(3.0)


def test_without_pre_activations_nothing_is_said() -> None:
    build = healthy(flat(), dead_from=dead(0.4))
    for site, windows in build.units.items():
        build.units[site] = tuple(
            replace(w, fields={k: v for k, v in w.fields.items() if not k.startswith("pre_")})
            for w in windows
        )
    finding = told(build.trace(), "ACT401")
    assert "distance" not in finding.evidence.more
    assert "standard deviations" not in finding.message


def test_units_whose_input_never_changes_have_no_distance() -> None:
    trace = healthy(flat(), dead_from={}).trace()
    (window, *_) = trace.windows("act1")
    n = float(window.samples)
    still = replace(
        window,
        fields=dict(window.fields)
        | {"pre_sum": np.full(100, -2 * n), "pre_sumsq": np.full(100, 4 * n)},
    )
    assert distance([still], np.ones(100, bool)) == {}
    assert distance([window], np.zeros(100, bool)) == {}  # and none is none's
