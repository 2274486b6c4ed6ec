"""A job and a run are the same after they travelled as JSON."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from relume.core import plain
from relume.core.trial import Arm, Edit, Objective, TrialRun
from relume.trial.runner.job import Program, TrialJob, dump, job_of, run_of

OPTIONS: dict[str, Any] = {
    "factor": 0.1,
    "cap": math.inf,
    "floor": -math.inf,
    "steps": 3,
    "once": True,
    "name": "nan",  # a word, not the number
    "none": None,
    "betas": (0.9, 1, "word", None, math.inf),
}
ARM = Arm("slower", (Edit("lower-learning-rate", OPTIONS, ("fc1", "fc2"), "slower"),))
JOB = TrialJob(
    Program("/a/tr\u00e4in\udcff.py", ("--lr", "1"), call=True),  # a name that is not UTF-8
    ARM,
    3,
    steps=9,
    objective=Objective("accuracy", "max", "yardstick"),
    threads=1,
)
RUN = TrialRun(
    "slower",
    3,
    math.inf,
    diverged=True,
    loss=((0, 2.5), (1, math.inf), (7, 3.0)),
    findings=("ACT401@relu()",),
    symptoms={"ACT401@relu()": -math.inf},
    laid=("one place",),
    metrics={"loss": 3.0, "parameters": 2.0},
    sources={"/a/b.py": "0123"},
    output="inf",
)


def test_a_job_comes_back_as_it_was() -> None:
    back = job_of(dump(JOB))
    assert back == JOB
    types = [type(value) for value in back.arm.edits[0].options.values()]
    assert types == [type(value) for value in OPTIONS.values()]  # 1 == True == 1.0


def test_a_run_comes_back_as_it_was() -> None:
    back = run_of(json.loads(dump(RUN)))
    assert back == RUN
    assert [type(x) for pair in back.loss for x in pair] == [int, float] * 3
    broken = replace(RUN, value=math.nan, metrics={"loss": math.nan})
    assert repr(run_of(json.loads(dump(broken)))) == repr(broken)


def test_a_codec_that_writes_numbers_as_words_is_rejected() -> None:
    """The same with the JSON of the reports: it has words for infinities, as options may have."""
    words: Callable[[object], str] = lambda noun: json.dumps(plain(noun))  # noqa: E731
    assert job_of(words(JOB)) != JOB


@pytest.mark.parametrize("data", [{}, [], None, {"arm": "a"}, {"arm": "a", "seed": "zero"}])
def test_what_is_no_run_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="validation error"):
        run_of(data)
