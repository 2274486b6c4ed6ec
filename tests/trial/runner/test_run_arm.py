"""RunsByArm: real processes, real trainings."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from arms import BASE, SLOWER

from relume.core.trial import Arm, Edit, Objective, TrialRun
from relume.errors import UsageError
from relume.trial.judge.objective import requested_objective
from relume.trial.paired_trial import check_judgeable
from relume.trial.scheduler import TrialRunner

Write = Callable[..., Path]
RunOne = Callable[..., TrialRun]


def test_a_run_is_the_script_itself(write: Write, run_one: RunOne) -> None:
    """At repetition 0 every loss is the one that `python train.py` has."""
    path = write("print(repr(loss.item()))")
    plain = subprocess.run([sys.executable, path], capture_output=True, text=True, check=True)
    wanted = [float(word) for word in plain.stdout.split()]
    run = run_one(path)
    assert [loss for _, loss in run.loss] == wanted
    assert run.value == pytest.approx(sum(wanted[-5:]) / 5)
    assert (run.steps, run.diverged, run.problem) == (20, False, "")
    assert run.criterion == "cross_entropy"
    assert 0 <= run.metrics["yard:accuracy"] <= 1


def test_repetitions_differ_and_are_shared_by_all_arms(write: Write, run_one: RunOne) -> None:
    path = write()
    same = Arm("same", (Edit("lower-learning-rate", {"factor": 1.0}),))
    first, second = run_one(path, BASE, 0), run_one(path, BASE, 1)
    assert first.loss != second.loss
    assert run_one(path, BASE, 1, again=True).loss == second.loss
    # an edit that changes nothing moves no random number
    assert run_one(path, same, 1).loss == second.loss
    slower = run_one(path, SLOWER, 1)
    assert slower.loss[0] == second.loss[0]  # the same weights, the same first batch
    assert slower.loss != second.loss
    assert slower.laid == ("learning rate times 0.1 on 1 optimiser",)


def test_a_script_that_never_seeds_is_seeded(write: Write, run_one: RunOne) -> None:
    path = write(each="import random; random.random()")
    path.write_text(path.read_text().replace("torch.manual_seed(3)", "torch.seed()"))
    assert run_one(path, BASE, 2).loss == run_one(path, BASE, 2, again=True).loss
    assert run_one(path, BASE, 2).loss != run_one(path, BASE, 3).loss


def test_a_run_is_ended_after_its_steps_and_its_own_code_still_runs(
    write: Write, run_one: RunOne
) -> None:
    path = write(steps=400, end="")
    body = path.read_text().replace("\n", "\n    ")
    path.write_text(
        f"try:{body}\nexcept Exception:\n    print('not theirs')\nfinally:\n    print('ended')\n"
    )
    run = run_one(path, steps=7)
    assert (run.steps, len(run.loss), run.problem) == (7, 7, "")
    assert "ended" in run.output
    assert "not theirs" not in run.output


def test_the_users_files_stay_as_they_are(write: Write, run_one: RunOne) -> None:
    path = write(
        end="""
import json
from pathlib import Path
Path('out').mkdir(exist_ok=True)
torch.save(model.state_dict(), 'out/best.pt')
model.load_state_dict(torch.load('out/best.pt', weights_only=True))
with open('log.txt', 'a') as log:
    log.write('one more run')
print('log:', Path('log.txt').read_text(), Path('out/best.pt').exists())
"""
    )
    (path.parent / "log.txt").write_text("mine ")
    before = {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()}
    run = run_one(path)
    assert "log: mine one more run True" in run.output
    assert {p: p.read_bytes() for p in path.parent.rglob("*") if p.is_file()} == before


REPORT = "import relume; relume.report_metric(0.25 + step, name='score', better='max')"
PRINTED = "print(f'test accuracy: {0.5 + step / 100}')"


@pytest.mark.parametrize(
    ("each", "end", "objective", "value"),
    [
        (REPORT, "", Objective("score", "max", "reported"), 19.25),
        (PRINTED, "", Objective("test accuracy", "max", "printed"), 0.69),
        ("pass", "answer = 42", Objective("fn", "max", "measure.py:fn"), 42.0),
        ("pass", "", Objective("accuracy", "max", "yardstick"), None),
    ],
)
def test_what_is_judged(
    each: str, end: str, objective: Objective, value: float | None, write: Write, run_one: RunOne
) -> None:
    path = write(each, end)
    (path.parent / "measure.py").write_text("def fn(names):\n    return names['answer']\n")
    run = run_one(path, objective=objective)
    assert run.value is not None
    assert value is None or run.value == value


@pytest.mark.parametrize(
    ("end", "problem", "outside"),
    [
        ("raise ValueError('oh no')", r"the run ended with ValueError: oh no", False),
        ("import os; os.kill(os.getpid(), 9)", r"ended by signal 9 \(SIGKILL, as the", True),
        ("import os; os._exit(3)", r"the process ended with exit code 3", True),
    ],
)
def test_a_run_that_fails_says_why(
    end: str, problem: str, outside: bool, write: Write, run_one: RunOne
) -> None:
    """What ended it from outside the training, twice, is no evidence against the arm."""
    run = run_one(write("print('so far')", end), SLOWER)
    assert re.search(problem, run.problem)
    assert bool(run.stopped) is outside
    assert "so far" in run.output


def test_a_measure_that_fails_says_why(write: Write, run_one: RunOne) -> None:
    path = write()
    (path.parent / "measure.py").write_text("def fn(names):\n    return names['nothing']\n")
    run = run_one(path, objective=Objective("fn", "max", "measure.py:fn"))
    assert run.problem == "--metric measure.py:fn failed: KeyError: 'nothing'"


def test_a_run_whose_loss_is_no_number_has_diverged(write: Write, run_one: RunOne) -> None:
    path = write(each="model[0].weight.data.mul_(float('nan'))")
    run = run_one(path)
    assert run.diverged
    assert run.value is None


def test_a_fresh_interpreter_where_a_fork_is_not_safe(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a fork server does when it has several threads: the run is the same."""
    from relume.trial.pool import forkserver
    from relume.trial.scheduler import TrialSetting, program_of

    path = write()
    job = TrialSetting(program_of(str(path), ()), folder=tmp_path).job(BASE, 0)
    (tmp_path / "scratch").mkdir()
    forkserver.write_job(job, tmp_path / "scratch")
    _, status = os.waitpid(forkserver._spawn(tmp_path / "scratch"), 0)
    assert status == 0
    assert '"steps":20' in (tmp_path / "scratch" / "run.json").read_text()


def test_a_function_instead_of_a_script(write: Write, run_one: RunOne) -> None:
    path = write()
    body = path.read_text().replace("\n", "\n    ").replace("manual_seed(3)", "manual_seed(seed)")
    path.write_text(f"def train(seed):{body}\n    return {{'score': loss.item()}}\n")
    first = run_one(f"{path}:train", BASE, 0, call=True)  # type: ignore[arg-type]
    again = run_one(f"{path}:train", BASE, 1, call=True)  # type: ignore[arg-type]
    assert first.metrics["returned:score"] == first.loss[-1][1]
    assert first.loss != again.loss


AGAINST = """
import torch
from torch.nn import functional as F
torch.manual_seed(3)
maker, critic = torch.nn.Linear(4, 8), torch.nn.Linear(8, 1)
first = torch.optim.Adam(critic.parameters(), 1e-3)
second = torch.optim.Adam(maker.parameters(), 1e-3)
bce = F.binary_cross_entropy_with_logits
for step in range(30):
    fake = maker(torch.randn(16, 4))
    loss = bce(critic(torch.randn(16, 8)), torch.ones(16, 1))
    first.zero_grad()
    (loss + bce(critic(fake.detach()), torch.zeros(16, 1))).backward()
    first.step()
    second.zero_grad()
    (bce(critic(fake), torch.ones(16, 1)) if {against} else fake.square().mean()).backward()
    second.step()
"""


@pytest.mark.parametrize("against", [True, False])
def test_where_models_are_trained_against_each_other_no_loss_is_judged(
    against: bool, write: Write, runner: Callable[..., TrialRunner]
) -> None:
    path = write(text=AGAINST.format(against=against))
    one = runner(path, every=1)
    if not against:
        check_judgeable(one)
        assert "opposed" not in one.runs["base", 0].metrics
        return
    with pytest.raises(UsageError, match="no gain; name what to judge with --metric"):
        check_judgeable(one)
    check_judgeable(runner(path, every=1, objective=requested_objective("printed:score")))
