"""Gains against values known on paper and against a draw."""

import math

import pytest
import torch
from torch import Tensor

import relume
from relume.acts import register
from relume.acts.act import _registered
from relume.acts.gain import gain, normal_mean
from relume.errors import UnknownNameError, UsageError


@pytest.mark.parametrize(
    ("function", "kinks", "truth"),
    [
        (lambda z: z * z, (), 1.0),
        (lambda z: z**4, (), 3.0),
        (lambda z: z.clamp(min=0), (0.0,), 1 / math.sqrt(2 * math.pi)),
        (torch.cos, (), math.exp(-0.5)),
        (torch.exp, (), math.exp(0.5)),
        (lambda z: (z > 0.3).double(), (0.3,), 0.5 * math.erfc(0.3 / math.sqrt(2))),
        (lambda z: z.abs() * (z < 1e3), (0.0, 1e3), math.sqrt(2 / math.pi)),
    ],
)
def test_expectations_known_on_paper(function, kinks, truth: float) -> None:
    assert normal_mean(function, kinks) == pytest.approx(truth, rel=1e-12)


def test_mean_and_std_of_the_pre() -> None:
    assert normal_mean(lambda z: z * z, mean=3.0, std=2.0) == pytest.approx(13.0, rel=1e-12)
    moved = normal_mean(lambda z: (z > 1).double(), (1.0,), mean=-1.0, std=2.0)
    assert moved == pytest.approx(0.5 * math.erfc(1 / math.sqrt(2)), rel=1e-12)


def test_a_kink_that_is_not_declared_costs_digits() -> None:
    """The panels matter: the same integral without its kink misses the tolerance above."""
    step = normal_mean(lambda z: (z > 0.3).double())
    truth = 0.5 * math.erfc(0.3 / math.sqrt(2))
    assert abs(step / truth - 1) > 1e-12


@pytest.mark.parametrize(
    ("act", "forward", "backward"),
    [
        ("relu", math.sqrt(2), math.sqrt(2)),
        ("identity", 1.0, 1.0),
        ("leaky_relu(negative_slope=0.5)", math.sqrt(1.6), math.sqrt(1.6)),
        ("hardtanh(min_val=-1000., max_val=1000.)", 1.0, 1.0),
        ("selu", 1.0, None),
    ],
)
def test_gains_known_on_paper(act: str, forward: float, backward: float | None) -> None:
    assert relume.gain(act) == pytest.approx(forward, rel=1e-9)
    if backward is not None:
        assert relume.gain(act, direction="backward") == pytest.approx(backward, rel=1e-9)


@pytest.mark.parametrize("act", ["tanh", "gelu", "silu", "mish", "softplus", "hardswish"])
def test_a_draw_agrees(act: str) -> None:
    found = relume.act(act)
    z = torch.randn(400_000, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    assert found.slope is not None
    for direction, values in (("forward", found(z)), ("backward", found.slope(z))):
        squares = values**2
        error = float(squares.std()) / math.sqrt(len(z))
        mean = 1 / relume.gain(act, direction=direction) ** 2
        assert abs(float(squares.mean()) - mean) < 4.5 * error


def test_the_scale_holds_over_thirty_layers() -> None:
    """What the gain is for: with it the mean square of pre stays 1, with He's it does not."""

    def scale(strength: float) -> float:
        source = torch.Generator().manual_seed(0)
        z = torch.randn(256, 512, generator=source)
        for _ in range(30):
            weight = torch.randn(512, 512, generator=source) * strength / math.sqrt(512)
            z = relume.act("tanh")(z) @ weight
        return float((z * z).mean())

    assert 0.5 < scale(gain("tanh")) < 2
    assert scale(0.7) < 0.01


def test_an_own_act_has_a_gain() -> None:
    @register(formula="2 z")
    def twice(z: Tensor, factor: float = 2.0) -> Tensor:
        return factor * z

    try:
        assert relume.gain(twice) == pytest.approx(0.5)
        assert relume.gain("twice(factor=4.0)", direction="backward") == pytest.approx(0.25)
    finally:
        _registered.pop("twice")


def test_refusals_say_what_was_given() -> None:
    with pytest.raises(UsageError, match=r"direction is 'both'; it is 'forward' or 'backward'\."):
        relume.gain("relu", direction="both")
    with pytest.raises(UsageError, match="softmax works on a whole axis and has no gain"):
        relume.gain("softmax")
    with pytest.raises(UnknownNameError, match="unknown act 'rellu'; did you mean 'relu'"):
        relume.gain("rellu")
