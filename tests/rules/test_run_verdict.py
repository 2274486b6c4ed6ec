"""What may be said of a run as a whole: fine is a claim with evidence."""

from dataclasses import replace

import numpy as np
import pytest
from traces import Build, dead, flat, healthy, learning

from relume.core import Fact, Series, Trace
from relume.diagnosis import diagnose
from relume.rules.run_verdict import verdict


def seen(loss: np.ndarray | None = None) -> Trace:
    """A healthy run of 400 steps that is recorded to its end."""
    return healthy(learning() if loss is None else loss).trace()


def cut(trace: Trace, stat: str, last: int) -> Trace:
    table = {
        key: Series(s.steps[s.steps <= last], s.values[s.steps <= last])
        if key[1] == stat or stat == "*"
        else s
        for key, s in trace.table.items()
    }
    return replace(trace, table=table)


def test_a_run_that_is_seen_to_its_end_and_learns_is_fine() -> None:
    diagnosis = diagnose(seen())
    assert (diagnosis.verdict, diagnosis.unseen) == ("fine", ())


@pytest.mark.parametrize(
    ("trace", "missing"),
    [
        (cut(seen(), "loss", 300), "the loss after step 300 of 400"),
        (
            cut(replace(seen(), meta={**seen().meta, "steps": 2_000}), "none", 0),
            "the activation functions after step",
        ),
        (replace(seen(), facts=()), "its chance level is not known"),
        (
            replace(seen(), facts=(*seen().facts, Fact("opaque", "", 0, {"operation": "LSTM"}))),
            "what happens inside LSTM",
        ),
        (replace(seen(), meta={**seen().meta, "world": 4, "rank": 0}), "the other 3 ranks"),
    ],
)
def test_what_is_missing_is_named_and_the_run_is_not_called_fine(
    trace: Trace, missing: str
) -> None:
    diagnosis = diagnose(trace)
    assert diagnosis.verdict == "nothing-found"
    assert missing in "; ".join(diagnosis.unseen)


@pytest.mark.parametrize("floor", [1.5, 0.3])
def test_a_loss_that_is_hardly_below_guessing_is_not_called_fine(floor: float) -> None:
    loss = floor + 0.7 * np.exp(-np.arange(400) / 300)
    assert (diagnose(seen(loss)).verdict == "fine") is (floor < 1)


def test_a_run_that_stalls_fails_whether_or_not_a_rule_is_sure() -> None:
    assert diagnose(seen(flat())).verdict == "fails"


def test_a_run_that_learns_with_a_warning_learns_but() -> None:
    half = 0.6 + 1.7 * np.exp(-np.arange(400) / 150)
    diagnosis = diagnose(healthy(half, dead_from=dead(1.0)).trace())
    assert not diagnosis.ok
    assert diagnosis.verdict == "learns-but"


def test_nothing_recorded_is_unseen() -> None:
    diagnosis = diagnose(Trace({"steps": 0, "records": 0}))
    assert diagnosis.verdict == "unseen"
    assert verdict(Trace({}), diagnosis.outcome, ())[0] == "unseen"


def test_trainings_in_turn_are_judged_one_by_one() -> None:
    one, two = seen().table["", "loss"].values, flat()
    loss = np.r_[one, two, one]
    trace = Build().loss(loss).trace()
    trace = replace(trace, meta={**trace.meta, "steps": 1_200, "trainings": [0, 400, 800]})
    diagnosis = diagnose(trace)
    assert [outcome.name for outcome in diagnosis.trainings] == ["learning", "stalled", "learning"]
    assert diagnosis.verdict == "fails"
    assert "3 trainings in turn: 2 learning, 1 stalled. No. 2: Stalled" in diagnosis.outcome.text


@pytest.mark.parametrize(("seconds", "parts"), [(0.2, 1), (30.0, 2)])
def test_training_in_child_processes_is_said_to_be_unseen(seconds: float, parts: int) -> None:
    trace = Trace({"records": 0, "children_seconds": seconds}, (), {}, {}, ())
    diagnosis = diagnose(trace)
    assert diagnosis.verdict == "unseen"
    assert len(diagnosis.unseen) == parts
    assert diagnosis.checked == ()
    assert ("child processes" in " ".join(diagnosis.unseen)) == (parts == 2)


@pytest.mark.parametrize(("drift", "word"), [(0.9, "fine"), (1.1, "nothing-found")])
def test_a_falling_loss_is_not_fine_where_its_targets_move(drift: float, word: str) -> None:
    trace = seen()
    facts = tuple(
        replace(f, data={**f.data, "target_drift": drift}) if f.kind == "criterion" else f
        for f in trace.facts
    )
    assert diagnose(replace(trace, facts=facts)).verdict == word


def printed(name: str, *values: float, better: str = "max", share: bool = True) -> Trace:
    data = {"name": name, "values": list(values), "better": better, "share": share}
    trace = seen()
    return replace(trace, facts=(*trace.facts, Fact("held-out", "", 0, data)))


@pytest.mark.parametrize(
    ("trace", "why"),
    [
        (printed("val acc", 0.1, 0.14), "ends at 0.14, and guessing gives 0.1"),
        (printed("val acc", 9.0, 11.0), "ends at 0.11, and guessing gives 0.1"),
        (printed("val acc", 0.7, 0.6), "is worse at its end, 0.6, than at its start, 0.7"),
        (printed("test r2", -0.2, -1.5), "ends at -1.5"),
        (printed("val loss", 2.0, 2.4, better="min", share=False), "ends at 2.4, and guessing"),
        (printed("val mse", 0.5, 0.2, 0.6, better="min", share=False), "worse at its end"),
        (printed("val loss", 0.9, 0.2, 0.5, better="min", share=False), "rises from 0.2 to 0.5"),
        (printed("val loss", 0.9, float("nan"), better="min", share=False), "ends at nan"),
    ],
)
def test_what_is_printed_of_held_out_rows_may_speak_against_fine(trace: Trace, why: str) -> None:
    diagnosis = diagnose(trace)
    assert diagnosis.verdict == "nothing-found"
    assert why in "; ".join(diagnosis.unseen)


@pytest.mark.parametrize(
    "trace",
    [
        printed("val acc", 0.3, 0.9),
        printed("val acc", 98.0, 97.5),
        printed("val score", 1.0, 3.0, share=False),
        printed("test r2", 0.1, 0.8),
        printed("val loss", 0.9, 0.3, 0.45, better="min", share=False),
    ],
)
def test_good_numbers_on_held_out_rows_leave_the_run_fine(trace: Trace) -> None:
    assert diagnose(trace).verdict == "fine"


def test_an_accuracy_counts_before_a_loss() -> None:
    loss = printed("val loss", 0.2, 0.6, better="min", share=False)
    both = replace(loss, facts=(*loss.facts, printed("val acc", 0.5, 0.9).facts[-1]))
    assert diagnose(loss).verdict == "nothing-found"
    assert diagnose(both).verdict == "fine"


@pytest.mark.parametrize(
    ("loss", "share", "missing"), [("mse", 1.0, True), ("mse", 0.2, False), ("bce", 1.0, False)]
)
def test_a_network_of_the_same_shape_may_make_the_targets(
    loss: str, share: float, missing: bool
) -> None:
    trace = seen()
    data = {"like": "net", "records": int(share * 100), "changed": False}
    facts = [f for f in trace.facts if f.kind != "criterion"]
    criterion = Fact("criterion", "", 0, {"loss": loss, "chance": 2.3})
    beside = Fact("target-network", "target", 0, data)
    meta = {**trace.meta, "records": 100}
    diagnosis = diagnose(replace(trace, facts=(*facts, criterion, beside), meta=meta))
    assert ("no weight of target ever changed" in "; ".join(diagnosis.unseen)) is missing
