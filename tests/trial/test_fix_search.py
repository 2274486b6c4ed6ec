"""The search for a cure, with a runner that draws its runs: which edits are tried, and how many."""

import pytest
from fake_runner import FakeRunner

from relume.core import Diagnosis, Evidence, Finding, Outcome, Severity
from relume.core.trial import Arm, Edit, TrialRun
from relume.trial.cure_screening import MOST_JOINT, CureScreening
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


def search(runner: FakeRunner, *, fails: str, edits: tuple[Edit, ...]) -> CureSearch:
    finding = Finding("ACT601", "vanishing", Severity.ERROR, "", (0, 9), "", Evidence("s", 1.0))
    outcome = Outcome("stalled", "it stands still", numbers={"chance": 2.3})
    diagnosis = Diagnosis((finding,), (), (), outcome)
    runner.run([BASE], [0])
    causes = [Cause(finding, list(edits))]
    screening = CureScreening(runner, diagnosis, causes, lambda _: None, fails)  # type: ignore[arg-type]
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
