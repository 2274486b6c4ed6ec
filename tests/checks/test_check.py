"""`relume.check`: what it finds, what it leaves alone, and what it says it could not look at."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import relume
from relume.checks.check import MISSING, _absent, _reason_not_run, _reweigh
from relume.core import Diagnosis, Evidence, Finding, Outcome, Severity
from relume.core.rule import NEEDS
from relume.diagnosis import all_rules
from relume.errors import DiagnosisError, UnknownNameError, UsageError
from relume.rules.severity_policy import weigh

X, Y = torch.randn(64, 8, generator=torch.Generator().manual_seed(0)), torch.arange(64) % 3


def mlp(*layers: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3), *layers)


def harm(diagnosis: Diagnosis) -> dict[str, str]:
    return {
        finding.code: str(finding.severity)
        for finding in diagnosis.findings
        if finding.severity >= Severity.WARNING
    }


def missing(diagnosis: Diagnosis) -> dict[str, str]:
    return {item.code: item.reason for item in diagnosis.not_checked}


# --- what it finds ------------------------------------------------------------------------------


def test_a_sound_model_is_fine() -> None:
    diagnosis = relume.check(mlp(), (X, Y), nn.CrossEntropyLoss())
    assert harm(diagnosis) == {}
    assert diagnosis.ok
    diagnosis.raise_if("warning")
    assert {"ACT101", "ACT201", "ACT301"} <= {item.code for item in diagnosis.checked}
    assert diagnosis.outcome.text == "Checked on one batch, forward and backward, without training."


def test_softmax_before_cross_entropy_is_an_error_and_can_be_raised() -> None:
    diagnosis = relume.check(mlp(nn.Softmax(dim=1)), (X, Y), nn.functional.cross_entropy)
    assert harm(diagnosis) == {"ACT201": "error"}
    with pytest.raises(DiagnosisError, match="1 finding of error") as raised:
        diagnosis.raise_if("error")
    assert "softmax-before-cross-entropy" in str(raised.value)
    assert raised.value.diagnosis is diagnosis


@pytest.mark.parametrize("reduction", ["batchmean", "sum", "none"])
@pytest.mark.parametrize(("log", "found"), [(False, {"ACT203": "error"}), (True, {})])
def test_a_divergence_wants_logarithms(log: bool, found: dict[str, str], reduction: str) -> None:
    soft = 0.9 * nn.functional.one_hot(Y, 3) + 0.1 / 3

    def criterion(out: Tensor, target: Tensor) -> Tensor:
        given = out.log_softmax(1) if log else out.softmax(1)
        return nn.functional.kl_div(given, soft, reduction=reduction).sum()

    assert harm(relume.check(mlp(), (X, Y), criterion)) == found


def test_a_reward_for_probabilities_is_no_divergence() -> None:
    """Expected reward, less what another player gets: a product, a difference, and no target."""
    reward = torch.randn(64, 3, generator=torch.Generator().manual_seed(1))

    def criterion(out: Tensor, target: Tensor) -> Tensor:
        return (reward.square() - reward * out.softmax(1)).sum()

    assert "ACT203" not in harm(relume.check(mlp(), (X, Y), criterion))


def test_two_linear_layers_are_found_without_a_criterion() -> None:
    model = nn.Sequential(nn.Linear(8, 16), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))
    diagnosis = relume.check(model, X)
    assert harm(diagnosis) == {"ACT101": "warning"}
    assert missing(diagnosis)["ACT201"] == "no criterion was given."


@pytest.mark.parametrize("criterion", [None, nn.CrossEntropyLoss()])
def test_a_start_that_blows_up_is_a_warning(criterion: nn.Module | None) -> None:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for _ in range(8):
        layers += [nn.Linear(64, 64), nn.ReLU()]
        nn.init.normal_(layers[-2].weight, std=1.0)  # type: ignore[arg-type]
    model = nn.Sequential(nn.Linear(8, 64), *layers, nn.Linear(64, 3))
    diagnosis = relume.check(model, (X, Y), criterion)
    assert harm(diagnosis)["ACT301"] == "warning"  # an error, if it failed in a training
    trained = relume.check(model, (X, Y), criterion, trained=True)
    assert "ACT301" not in harm(trained)
    assert missing(trained)["ACT301"] == "the weights are trained ones."


def batches(many: int = 40, rows: int = 96) -> list[tuple[Tensor, Tensor]]:
    draw = torch.Generator().manual_seed(1)
    return [(torch.randn(rows, 8, generator=draw), torch.arange(rows) % 3) for _ in range(many)]


def test_a_checkpoint_with_dead_units_is_found_over_many_batches() -> None:
    model = mlp()
    with torch.no_grad():
        model[0].bias[:10] = -30.0  # type: ignore[index]
    diagnosis = relume.check(model, iter(batches()), nn.CrossEntropyLoss(), trained=True)
    assert harm(diagnosis) == {"ACT401": "warning"}  # 63 %: an error, if it failed in a training
    (dead,) = [finding for finding in diagnosis.findings if finding.code == "ACT401"]
    assert dead.site == "1"
    assert dead.evidence.samples >= 3000
    assert diagnosis.meta["batches"] == 32  # 3,072 rows are enough; the rest is not read


def test_a_checkpoint_that_is_well_is_fine() -> None:
    diagnosis = relume.check(mlp(), iter(batches()), nn.CrossEntropyLoss(), trained=True)
    assert harm(diagnosis) == {}
    assert {"ACT401", "ACT501"} <= {item.code for item in diagnosis.checked}


def test_a_saturated_checkpoint_is_found() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    with torch.no_grad():
        model[0].weight *= 60
    diagnosis = relume.check(model, iter(batches()), trained=True)
    assert "ACT501" in harm(diagnosis)


def deep(depth: int, act: type[nn.Module], *between: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Linear(8, 64)]
    for _ in range(depth):
        layers += [act(), *copy.deepcopy(between), nn.Linear(64, 64)]
    return nn.Sequential(*layers, act(), nn.Linear(64, 3))


def test_a_gradient_that_is_lost_at_the_start_is_found() -> None:
    found = harm(relume.check(deep(12, nn.Sigmoid), iter(batches()), nn.CrossEntropyLoss()))
    assert found["ACT601"] == "warning"


def test_units_that_are_dead_before_a_training_are_told_once() -> None:
    model = mlp()
    with torch.no_grad():
        model[0].bias[:10] = -30.0  # type: ignore[index]
    assert harm(relume.check(model, iter(batches()))) == {"ACT303": "warning"}


@pytest.mark.parametrize(
    ("depth", "act"),
    [(6, nn.ReLU), (6, nn.Tanh), (3, nn.Sigmoid), (6, nn.GELU)],
)
def test_ordinary_starts_are_quiet(depth: int, act: type[nn.Module]) -> None:
    # of deep(6, ReLU) up to 45 % of a layer's units are born dead, and such nets learn
    assert harm(relume.check(deep(depth, act), iter(batches()), nn.CrossEntropyLoss())) == {}


def test_ten_layers_with_batch_norm_are_quiet() -> None:
    model = deep(10, nn.ReLU, nn.BatchNorm1d(64))
    assert harm(relume.check(model, iter(batches()), nn.CrossEntropyLoss())) == {}


# --- what it takes ------------------------------------------------------------------------------


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 4), nn.Linear(8, 4)

    def forward(self, x: Tensor, other: Tensor) -> dict[str, Tensor]:
        return {"out": torch.relu(self.a(x)) + self.b(other), "count": torch.ones(2)}


@pytest.mark.parametrize(
    ("make", "batch"),
    [
        (mlp, X),
        (mlp, X.numpy()),
        (mlp, X.double().numpy()),
        (mlp, (X, Y)),
        (mlp, [X]),
        (mlp, {"input": X, "labels": Y}),
        (mlp, torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, Y), batch_size=16)),
        (Two, (X, X)),
        (Two, (X, X, Y)),
        (Two, {"x": X, "other": X, "y": Y}),
    ],
)
def test_batches_of_many_kinds(make: Callable[[], nn.Module], batch: Any) -> None:
    assert relume.check(make(), batch).ok


def test_a_model_of_tokens() -> None:
    model = nn.Sequential(nn.Embedding(50, 8), nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 50))
    assert relume.check(model, torch.arange(40).reshape(4, 10)).ok


def test_a_frozen_model_is_looked_at_too() -> None:
    model = mlp(nn.Softmax(dim=1)).requires_grad_(False)
    assert "ACT201" in harm(relume.check(model, (X, Y), nn.CrossEntropyLoss()))
    assert not any(p.requires_grad for p in model.parameters())


def plain(x: Tensor) -> Tensor:
    return x


WRONG = [
    (mlp, "abc", {}, "a batch of type str was given; a tensor, a tuple, a mapping or a data"),
    (mlp, 3, {}, "a batch of type int was given"),
    (mlp, iter(()), {}, "the data held no batch; one was expected."),
    (mlp, X, {"criterion": nn.CrossEntropyLoss()}, "a criterion was given and no target; "),
    (mlp, np.array(["a"]), {}, "an array of <U1 was given; numbers were expected."),
    (mlp, X, {"criterion": plain, "target": Y}, ""),
    (nn.ReLU, X, {}, "ReLU has no parameter; there is nothing in it to check."),
    (lambda: plain, X, {}, "check() was given function; it takes a torch.nn.Module."),
]


@pytest.mark.parametrize(("make", "batch", "more", "sentence"), WRONG)
def test_what_is_no_batch_is_one_sentence(
    make: Callable[[], Any], batch: Any, more: dict[str, Any], sentence: str
) -> None:
    kind = UsageError if sentence else TypeError  # a criterion that takes one argument: its own
    with pytest.raises(kind) as raised:
        relume.check(make(), batch, **more)
    assert str(raised.value).startswith(sentence)


def test_an_output_without_a_gradient_is_one_sentence() -> None:
    class Picks(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:
            return super().forward(input).argmax(1)

    with pytest.raises(UsageError, match="the model gave Tensor without a gradient"):
        relume.check(Picks(8, 3), X)
    with pytest.raises(UsageError, match="the criterion gave no single number with a gradient"):
        relume.check(mlp(), (X, Y), lambda out, y: out)


# --- how grave it is ----------------------------------------------------------------------------

NO_LOSS = Outcome("no-loss", "Checked without training.")
WHOLE, LESS, NO_TRAINING = "as in a training", "one step less", "needs a training"
DECIDED = {
    "ACT001": WHOLE,
    "ACT002": WHOLE,
    "ACT003": WHOLE,  # a fault of the program, whatever the loss does
    "ACT101": WHOLE,
    "ACT102": LESS,  # what bends nothing at the start may bend later
    "ACT103": WHOLE,  # read off the graph
    "ACT104": NO_TRAINING,
    "ACT105": WHOLE,  # exact
    "ACT106": LESS,  # very wide layers do with a tenth
    "ACT107": WHOLE,  # read off the configuration
    "ACT201": WHOLE,
    "ACT202": WHOLE,
    "ACT203": WHOLE,
    "ACT204": WHOLE,
    "ACT205": WHOLE,
    "ACT206": WHOLE,
    "ACT207": WHOLE,
    "ACT208": NO_TRAINING,
    "ACT301": LESS,  # many nets with a drift learn
    "ACT302": WHOLE,  # rows that are alike stay so
    "ACT303": LESS,
    "ACT304": WHOLE,  # a note, until the loss is known
    "ACT401": LESS,
    "ACT402": LESS,
    "ACT403": NO_TRAINING,
    "ACT404": LESS,  # a fact, which nothing makes less
    "ACT405": WHOLE,
    "ACT406": WHOLE,  # counted: an expert is called, or it is not
    "ACT407": WHOLE,  # of trained weights
    "ACT501": LESS,
    "ACT502": LESS,
    "ACT503": LESS,  # training may bring the scores down
    "ACT601": LESS,
    "ACT602": LESS,  # a large signal; numbers that are not finite keep theirs
    "ACT603": NO_TRAINING,
    "ACT604": WHOLE,  # a hard fact
    "ACT605": NO_TRAINING,
    "ACT606": NO_TRAINING,
    "ACT607": NO_TRAINING,
    "ACT608": NO_TRAINING,
    "ACT609": NO_TRAINING,
    "ACT701": LESS,
    "ACT702": LESS,
    "ACT703": LESS,  # a recurrent network may have to read in order
    "ACT801": LESS,
    "ACT802": WHOLE,  # a fact
    "ACT803": WHOLE,
    "ACT804": LESS,
    "ACT901": NO_TRAINING,
    "ACT902": NO_TRAINING,
    "ACT903": WHOLE,
    "ACT904": WHOLE,
    "ACT905": WHOLE,
    "ACT906": WHOLE,
    "ACT907": WHOLE,
    "ACT908": NO_TRAINING,
    "ACT909": WHOLE,
    "ACT910": NO_TRAINING,
    "ACT911": NO_TRAINING,
    "ACT912": WHOLE,
    "ACT913": NO_TRAINING,
    "ACT914": NO_TRAINING,
}
TRAINED = ("ACT401", "ACT407")  # looked at in trained weights alone


def test_the_severity_of_every_code_is_decided() -> None:
    assert set(DECIDED) == {rule.code for rule in all_rules()}


def test_everything_that_a_rule_may_need_has_its_reason() -> None:
    assert set(MISSING) == set(NEEDS)
    assert _absent(None, batches=1, trained=False, made_up=True) == set(NEEDS) - {"untrained"}
    assert _absent(nn.MSELoss(), batches=2, trained=True, made_up=False) == {
        "training",
        "untrained",
    }


@pytest.mark.parametrize("code", sorted(DECIDED))
def test_a_finding_weighs_in_a_check_what_was_decided(code: str) -> None:
    (rule,) = [rule for rule in all_rules() if rule.code == code]
    there = _absent(nn.CrossEntropyLoss(), batches=32, trained=code in TRAINED, made_up=False)
    reason = _reason_not_run(rule, there)
    assert (reason[:1] == ("there was no training.",)) is (DECIDED[code] == NO_TRAINING)
    if DECIDED[code] == NO_TRAINING:
        return
    assert not reason
    stat = "nonfinite_share" if code == "ACT604" else "x"  # as the rule tells it
    for said in Severity:
        raw = Finding(code, rule.name, said, "s", (0, 1), "t", Evidence(stat, 1.0, samples=1))
        told = _reweigh(weigh(raw, rule, NO_LOSS), [rule], NO_LOSS).severity
        less = said if said <= Severity.NOTE else Severity(said - 1)
        assert told == (said if DECIDED[code] == WHOLE else less), said


# --- what it says it could not look at ----------------------------------------------------------


def test_every_rule_is_found_checked_or_not_checked() -> None:
    d = relume.check(mlp(), X)
    told = {item.code for part in (d.findings, d.checked, d.not_checked) for item in part}
    assert told == {rule.code for rule in all_rules()}
    reasons = missing(d)
    assert reasons["ACT605"] == reasons["ACT403"] == "there was no training."
    assert reasons["ACT501"] == reasons["ACT303"] == "one batch is too little."
    assert reasons["ACT401"] == "without a training a dead unit is born dead."
    assert "ACT602" not in {c for c, why in reasons.items() if why == "there was no training."}


def test_a_gradient_that_vanishes_is_seen_on_one_batch() -> None:
    layers = [layer for _ in range(10) for layer in (nn.Linear(16, 16), nn.Sigmoid())]
    torch.manual_seed(0)
    x = torch.randn(64, 16)
    assert "ACT601" in harm(relume.check(nn.Sequential(*layers, nn.Linear(16, 4)), x))
    deep = [layer for _ in range(20) for layer in (nn.Linear(16, 16), nn.ReLU())]
    for layer in deep[::2]:
        nn.init.kaiming_normal_(layer.weight)
    fine = relume.check(nn.Sequential(*deep, nn.Linear(16, 4)), x)
    assert "ACT601" in {item.code for item in fine.checked}


def test_selection() -> None:
    d = relume.check(mlp(), X, select=["ACT1", "born-dead"], ignore=["ACT101"])
    told = {item.code for part in (d.findings, d.checked, d.not_checked) for item in part}
    assert "ACT303" in told
    assert "ACT101" not in told
    with pytest.raises(UnknownNameError, match="did you mean 'dead-units'"):
        relume.check(mlp(), X, select=["ded-units"])


def test_values_that_are_not_finite_are_found() -> None:
    diagnosis = relume.check(mlp(), torch.full_like(X, float("nan")))
    assert not diagnosis.ok
    assert "ACT604" in harm(diagnosis)
