"""The yardstick is the same number whatever stands before the criterion."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from relume.trial.runner import shared_metrics

torch.manual_seed(0)
SCORES = torch.randn(50, 4) * 3
CLASSES = torch.randint(4, (50,))
YES = torch.randint(2, (50, 1)).float()


def leaf(values: Tensor) -> Tensor:
    weight = torch.eye(values.shape[1], requires_grad=True)
    return values @ weight


CLASS_LOSSES = {
    "scores": lambda z: F.cross_entropy(z, CLASSES),
    "softmax twice": lambda z: F.cross_entropy(z.softmax(1), CLASSES),
    "log of softmax": lambda z: F.nll_loss(z.softmax(1).log(), CLASSES),
    "log_softmax": lambda z: F.nll_loss(z.log_softmax(1), CLASSES),
    "raw into nll": lambda z: F.nll_loss(z, CLASSES),
    "over 4": lambda z: F.cross_entropy(z, CLASSES) / 4,
}
BINARY_LOSSES = {
    "logits": lambda z: F.binary_cross_entropy_with_logits(z, YES),
    "sigmoid twice": lambda z: F.binary_cross_entropy_with_logits(z.sigmoid(), YES),
    "probabilities": lambda z: F.binary_cross_entropy(z.sigmoid(), YES),
}


@pytest.mark.parametrize("name", CLASS_LOSSES)
def test_classes(name: str) -> None:
    found = shared_metrics.measure_shared(CLASS_LOSSES[name](leaf(SCORES)))
    oracle = -SCORES.double().softmax(1)[torch.arange(50), CLASSES].log().mean()
    hits = (SCORES.argmax(1) == CLASSES).double().mean()
    assert float(found["log-loss"]) == pytest.approx(float(oracle), rel=1e-3)
    assert float(found["accuracy"]) == pytest.approx(float(hits))


@pytest.mark.parametrize("name", BINARY_LOSSES)
def test_yes_or_no(name: str) -> None:
    scores = SCORES[:, :1]
    found = shared_metrics.measure_shared(BINARY_LOSSES[name](leaf(scores)))
    p = scores.double().sigmoid()
    oracle = -(YES * p.log() + (1 - YES) * (1 - p).log()).mean()
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[YES > 0.5] for b in scores[YES < 0.5]]
    assert float(found["log-loss"]) == pytest.approx(float(oracle), rel=1e-3)
    assert float(found["auc"]) == pytest.approx(sum(map(float, pairs)) / len(pairs))


def test_a_regression_and_what_is_not_known() -> None:
    target = torch.randn(50, 4)
    found = shared_metrics.measure_shared(F.l1_loss(leaf(SCORES), target))
    oracle = (SCORES - target).square().mean() if found else math.nan
    assert not found or float(found["error"]) == pytest.approx(float(oracle))
    found = shared_metrics.measure_shared(F.mse_loss(leaf(SCORES), target))
    assert float(found["error"]) == pytest.approx(float((SCORES - target).square().mean()))
    assert shared_metrics.measure_shared(leaf(SCORES).sum()) == {}


def test_ignored_targets_do_not_count() -> None:
    some = CLASSES.clone()
    some[::2] = -100
    found = shared_metrics.measure_shared(F.cross_entropy(leaf(SCORES), some))
    assert float(found["log-loss"]) == pytest.approx(float(F.cross_entropy(SCORES, some)), rel=1e-4)


def test_criteria_of_different_kinds_have_different_words() -> None:
    words = [
        shared_metrics.describe_criterion(make(leaf(SCORES))) for make in CLASS_LOSSES.values()
    ]
    assert words[0] != words[1]
    assert words[0] != words[5]
    assert (
        shared_metrics.describe_criterion(F.cross_entropy(leaf(SCORES).relu(), CLASSES)) == words[0]
    )
    binary = [
        shared_metrics.describe_criterion(make(leaf(SCORES[:, :1])))
        for make in BINARY_LOSSES.values()
    ]
    assert binary[0] != binary[1]
