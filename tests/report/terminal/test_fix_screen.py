"""What `relume fix` prints of its trials: one line for what did nothing, and the runs it made."""

import io

import pytest
from rich.console import Console

from relume.core import Diagnosis, Evidence, Finding, Outcome, Severity
from relume.core.trial import Arm, ArmSummary, Cure, Edit, Objective, Trial, TrialRun, Verdict
from relume.report.terminal.trial_text import cure

NAMES = ("swap", "norm", "rate", "inputs", "mean")
WORDS = ("no gain at one seed",) * 3 + ("not run",) * 2


def screen(*, proven: bool, verbose: bool) -> str:
    arms = (Arm("base", role="base"), *(Arm(name, text=f"{name} changed") for name in NAMES))
    shots = tuple(
        TrialRun(arm.name, 0, 1.0, problem="could not be laid: x" if arm.name in NAMES[3:] else "")
        for arm in arms
    )
    verdicts = tuple(Verdict(name, word, "x.") for name, word in zip(NAMES, WORDS, strict=True))
    standings = tuple(ArmSummary(arm.name, 1.0, None, None, 1) for arm in arms)
    meta = {"executed": 36, "resumed": 37, "repeatable": True}
    trial = Trial("which?", Objective(), arms, shots, verdicts, standings, meta)
    finding = Finding("ACT601", "vanishing", Severity.ERROR, "", (0, 9), "", Evidence("s", 1.0))
    result = Cure(
        Diagnosis((finding,), (), (), Outcome("stalled", "It stands still.")),
        finding,
        (trial,),
        (Edit("swap-act", text="swap changed"),) if proven else (),
        Verdict("swap", "proven", "Better.") if proven else None,
        advice=(Edit("leave-it", text="Wait longer"),),
        fails="" if proven else "its loss stands still",
    )
    stream = io.StringIO()
    cure(result, Console(file=stream, width=120, color_system=None), verbose=verbose)
    return " ".join(stream.getvalue().split())


def test_what_did_nothing_is_one_line_unless_it_is_asked_for() -> None:
    text = screen(proven=False, verbose=False)
    assert (
        "no gain at one seed (--verbose lists them): swap changed; norm changed; rate changed"
        in text
    )
    assert "found nothing to change (--verbose lists them): inputs changed; mean changed" in text
    assert text.count("no gain at one seed") == 1
    assert screen(proven=False, verbose=True).count("no gain at one seed") == 3


@pytest.mark.parametrize("proven", [True, False])
def test_advice_is_given_only_where_nothing_is_proven(proven: bool) -> None:
    assert ("by hand Wait longer" in screen(proven=proven, verbose=False)) is not proven


def test_the_runs_that_were_made_and_those_that_were_kept_are_two_numbers() -> None:
    assert "36 runs, and 37 that were kept from before" in screen(proven=False, verbose=False)
