"""The search for a cure, with a runner that draws its runs: which edits are tried, and how many."""

import pytest
from fake_runner import FakeRunner

from relume.core import Diagnosis, Evidence, Finding, Outcome, Severity
from relume.core.trial import Arm, Edit, TrialRun
from relume.trial.cure_screening import MOST_JOINT, RECOVERED_JOINT, CureScreening
from relume.trial.fix_candidates import Cause, joined, why_it_fails
from relume.trial.fix_search import CureSearch, runs_at_most
from relume.trial.paired_trial import BASE

SWAP = Edit("swap-act", {"act": "relu"}, (), "sigmoid replaced by relu")
INIT = Edit("matching-init", {}, (), "weights drawn anew")
SLOWER = Edit("lower-learning-rate", {"factor": 0.1}, (), "learning rate times 0.1")
FASTER = Edit("raise-learning-rate", {"factor": 10.0}, (), "learning rate times 10")
NORM = Edit("insert-norm", {}, (), "norm layers")
INPUTS = Edit("standardise-inputs", {}, (), "inputs standardised")


class Deep(FakeRunner):
    """A deep sigmoid network: ReLU learns at the first seed and breaks down at the others, unless
    the rate is lower too."""

    cured_by = "swap-act + lower-learning-rate"

    def _draw_run(self, arm: Arm, seed: int) -> TrialRun:
        learns = arm.name.startswith(self.cured_by)
        lucky = arm.name == "swap-act" and seed == 0
        gone = arm.name == "swap-act" and seed > 0
        loss = (0.1 if learns or lucky else 2.3) + 0.001 * seed
        return TrialRun(
            arm.name,
            seed,
            loss,
            gone,
            loss=((0, 2.3), (9, loss)),
            steps=10,
            metrics={"loss": loss, "start": 2.3},
        )


def search(
    runner: FakeRunner,
    *,
    fails: str,
    edits: tuple[Edit, ...],
    severity: Severity = Severity.ERROR,
    asked: bool = False,
) -> CureSearch:
    finding = Finding("ACT601", "vanishing", severity, "", (0, 9), "", Evidence("s", 1.0))
    outcome = Outcome("stalled", "it stands still", numbers={"chance": 2.3})
    diagnosis = Diagnosis((finding,), (), (), outcome)
    runner.run([BASE], [0])
    causes = [Cause(finding, list(edits))]
    screening = CureScreening(runner, diagnosis, causes, lambda _: None, fails, asked)  # type: ignore[arg-type]
    found = CureSearch(runner, diagnosis, screening, 5, lambda _: None, fails)  # type: ignore[arg-type]
    screening.run()
    return found


def test_what_wins_one_seed_and_breaks_down_at_fresh_ones_is_joined_with_a_lower_rate() -> None:
    runner = Deep(lambda _: 0.0)
    found = search(runner, fails="it has not learned", edits=(SWAP, SLOWER, NORM))
    proven = found.prove()
    assert proven is not None
    assert proven[0].edits == (SWAP, SLOWER)
    assert [arm.edits for arm in found.screening.refuted] == [(SWAP,)]
    assert len(runner.runs) <= runs_at_most(5, fails=True)


def test_joint_edits_are_tried_where_no_single_one_is_ahead() -> None:
    class Both(Deep):
        cured_by = "matching-init + lower-learning-rate"

    runner = Both(lambda _: 0.0)
    found = search(runner, fails="it has not learned", edits=(INIT, INPUTS, SLOWER))
    proven = found.prove()
    assert proven is not None
    assert proven[0].edits[:1] == (INIT,)


def test_a_run_that_learns_gets_no_joint_edits() -> None:
    runner = Deep(lambda _: 0.0)
    found = search(runner, fails="", edits=(SWAP, SLOWER, NORM))
    assert found.prove() is None
    assert all(len(arm.edits) == 1 for arm in found.screening.arms)


@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_what_nothing_cures_takes_no_more_runs_than_were_said(seeds: int) -> None:
    class Never(Deep):
        cured_by = "nothing"

    edits = tuple(Edit("lower-learning-rate", {"factor": 0.1**k}, (), f"{k}") for k in range(1, 40))
    runner = Never(lambda _: 0.0)
    found = search(runner, fails="it has not learned", edits=(INIT, SWAP, NORM, INPUTS, *edits))
    found.seeds = seeds
    assert found.prove() is None
    joint = [arm for arm in found.screening.arms if len(arm.edits) > 1]
    assert 0 < len(joint) <= MOST_JOINT
    assert len(runner.runs) <= runs_at_most(seeds, fails=True)


def test_a_rate_that_cures_is_tried_a_third_of_a_power_of_ten_further() -> None:
    class Rate(Deep):
        cured_by = "lower-learning-rate"

    found = search(Rate(lambda _: 0.0), fails="it swings", edits=(SLOWER, INIT))
    assert [arm.edits[0].options for arm in found.screening.arms] == [
        {"factor": 0.1},
        {"factor": 0.03},
    ]
    assert found.screening.arms[1].text == "learning rate times 0.03"


class Drawn(FakeRunner):
    """Runs whose loss is what a table says of the factor of their rate, or of their name."""

    def __init__(self, ends: dict[float | str, float], base: float = 2.3) -> None:
        super().__init__(lambda _: 0.0)
        self.ends, self.base = ends, base

    def _draw_run(self, arm: Arm, seed: int) -> TrialRun:
        factors = [e.options.get("factor") for e in arm.edits if "factor" in e.options]
        key: float | str = arm.name.rstrip("-0123456789")
        end = self.ends.get(key, self.ends.get(factors[0], self.base) if factors else self.base)
        unlaid = "could not be laid: nothing was met" if end < 0 else ""
        loss = abs(end) * (1 + 0.001 * seed)
        metrics = {"loss": loss, "start": 2.3}
        return TrialRun(
            arm.name, seed, loss, loss=((0, 2.3), (9, loss)), problem=unlaid, metrics=metrics
        )


def test_a_rate_whose_proof_failed_goes_on_down_by_powers_of_ten() -> None:
    class Lucky(Drawn):  # at the first seed every rate does; at the others only a thousandth
        def _draw_run(self, arm: Arm, seed: int) -> TrialRun:
            run = super()._draw_run(arm, seed)
            small = [e.options["factor"] < 0.005 for e in arm.edits]
            if seed and not any(small):
                bad = {"loss": 2.3, "start": 2.3}
                return TrialRun(arm.name, seed, 2.3, loss=((0, 2.3), (9, 2.3)), metrics=bad)
            return run

    runner = Lucky({0.1: 0.4, 0.03: 0.41, 0.01: 0.3, 0.003: 0.2, 0.001: 0.2, 0.0003: 0.1})
    found = search(runner, fails="it swings", edits=(SLOWER,))
    proven = found.prove()
    assert proven is not None
    assert proven[0].edits[0].options["factor"] < 0.005
    factors = [arm.edits[0].options["factor"] for arm in found.screening.arms]
    assert factors == [0.1, 0.03, 0.003, 0.0003]
    assert len(runner.runs) <= runs_at_most(5, fails=True)


def test_what_is_left_of_the_ladder_is_tried_after_a_proof_that_failed() -> None:
    class Later(Drawn):
        def _draw_run(self, arm: Arm, seed: int) -> TrialRun:
            lucky = arm.name == "matching-init" and seed == 0
            self.ends["matching-init"] = 0.2 if lucky else 2.3
            return super()._draw_run(arm, seed)

    found = search(Later({"insert-norm": 0.1}), fails="", edits=(INIT, NORM))
    assert [arm.name for arm in found.screening.arms] == ["matching-init"]
    proven = found.prove()
    assert proven is not None
    assert proven[0].edits == (NORM,)


def test_what_only_recovers_with_a_single_edit_gets_two_joint_ones() -> None:
    """Ten sigmoids at a high rate: ReLU alone brings the loss off the level of guessing."""
    table = {"swap-act": 1.4, "swap-act + lower-learning-rate": 0.2}
    edits = (SWAP, SLOWER, INPUTS, NORM, INIT, FASTER)
    found = search(Drawn(table), fails="it stands still", edits=edits)
    assert found.screening.ahead()[0].edits == (SWAP, SLOWER)
    table["swap-act + lower-learning-rate"] = 1.3
    found = search(Drawn(table), fails="it stands still", edits=edits)
    joint = [arm for arm in found.screening.arms if len(arm.edits) > 1]
    assert len(joint) == RECOVERED_JOINT + 1  # and the best one's rate a third further


def test_what_found_nothing_to_change_is_not_joined_and_refutes_nothing() -> None:
    runner = Drawn({"standardise-inputs": -2.3})
    found = search(runner, fails="it stands still", edits=(INPUTS, SLOWER, INIT))
    joint = [arm.edits for arm in found.screening.arms if len(arm.edits) > 1]
    assert joint == [(INIT, SLOWER)]
    only = search(Drawn({"standardise-inputs": -2.3}), fails="it stands still", edits=(INPUTS,))
    assert list(only.screening.refutations(None)) == []


@pytest.mark.parametrize(
    ("severity", "asked", "end", "offered"),
    [
        (Severity.NOTE, False, 0.7, False),  # a fifth better: a healthy run is left alone
        (Severity.NOTE, False, 0.3, True),  # ... unless it was far from what it can be
        (Severity.NOTE, True, 0.7, True),
        (Severity.WARNING, False, 0.7, True),
    ],
)
def test_a_run_that_learns_without_a_warning_is_left_alone(
    severity: Severity, asked: bool, end: float, offered: bool
) -> None:
    runner = Drawn({"matching-init": end}, base=0.9)
    found = search(runner, fails="", edits=(INIT,), severity=severity, asked=asked)
    assert (found.screening.next_best() is not None) is offered
    assert list(found.screening.refutations(None)) == []  # it was better all the same


def test_joint_edits_begin_with_the_best_arm_and_what_changes_least() -> None:
    every = (NORM, INIT, FASTER, SLOWER, INPUTS, SWAP)
    found = joined([Arm("swap-act", (SWAP,))], every)
    assert found[:4] == [(SWAP, SLOWER), (SWAP, FASTER), (SWAP, INPUTS), (SWAP, NORM)]
    assert (SWAP, INPUTS, SLOWER) in found[:8]
    assert not any({"swap-act", "matching-init"} <= {edit.fix for edit in one} for one in found)
    assert joined([], (SLOWER, FASTER)) == []


def test_a_cause_whose_cures_changed_nothing_is_no_cause() -> None:
    class Never(Deep):
        cured_by = "nothing"

    found = search(Never(lambda _: 0.0), fails="it has not learned", edits=(INIT, INPUTS))
    assert list(found.screening.refutations(None)) == [
        "ACT601 vanishing is not the cause: 'weights drawn anew' and 'inputs standardised' changed "
        "nothing."
    ]
    assert list(found.screening.refutations(found.screening.causes[0])) == []


@pytest.mark.parametrize(
    ("name", "end", "words"),
    [
        ("learning", 2.29, "its loss ends at 2.29, and guessing gives 2.3"),
        ("learning", 0.5, ""),
        ("stalled", 2.29, "it stands still"),
        ("signed", 2.29, ""),
    ],
)
def test_every_loss_of_the_trial_decides_whether_a_run_has_learned(
    name: str, end: float, words: str
) -> None:
    """The recording has a part of the losses, and its outcome may flip; the trial's run has all."""
    outcome = Outcome(name, "it stands still", numbers={"chance": 2.3})
    run = TrialRun("base", 0, end, metrics={"loss": end, "start": 2.5})
    assert why_it_fails(Diagnosis((), (), (), outcome), run) == words
