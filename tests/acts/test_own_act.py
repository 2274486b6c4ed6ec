"""An act of one's own: one decorated function, and everything works on it."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import relume.acts.act as room
from relume.acts.act import acts, by_node, find_act, register
from relume.acts.gain import gain
from relume.acts.lookup import act, list_acts
from relume.errors import UsageError
from relume.record.graph.autograd_graph import name_of


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    kept = dict(room._registered)
    yield
    room._registered.clear()
    room._registered.update(kept)
    by_node.cache_clear()


def make(**more: Any) -> Any:
    @register(formula="z * sigmoid(beta * z)", **more)
    def own_swish(z: Tensor, beta: float = 1.5) -> Tensor:
        """My swish."""
        return z * torch.sigmoid(beta * z)

    return own_swish


def test_values_slopes_and_curvatures_come_by_themselves() -> None:
    own = make()
    z = torch.tensor([-3.0, -0.4, 0.0, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(own, (z,))
    assert torch.autograd.gradgradcheck(own, (z,))
    known = find_act("swish")
    torch.testing.assert_close(own(z), known(z, beta=1.5))
    torch.testing.assert_close(own.exact_slope(z), known.exact_slope(z, beta=1.5))
    assert own.__doc__ == "My swish."
    assert own(z, 0.0).tolist() == (z / 2).tolist()


def test_the_wide_path_mends_what_float32_rounds_away() -> None:
    own = make()
    z = torch.tensor([20.0], dtype=torch.bfloat16)
    slope = own.exact_slope(-z)
    assert slope.dtype is torch.bfloat16
    assert float(slope) == pytest.approx(
        float(find_act("swish").exact_slope(-z, beta=1.5)), rel=1e-2
    )


def test_it_has_what_a_shipped_act_has() -> None:
    own = make()
    assert (own.smooth, own.rectifies) == (True, True)
    assert own.max_slope == pytest.approx(1.099839, rel=1e-6)
    assert gain(own) == pytest.approx(gain("swish(beta=1.5)"))
    assert gain("own_swish(beta=0.0)") == pytest.approx(2)
    assert act("own_swish(2.5)").defaults["beta"] == 2.5
    assert "own_swish" in list_acts("own*")
    assert own.family == "own"
    z = torch.randn(3, requires_grad=True)
    node: Any = own(z).grad_fn
    assert by_node()[name_of(node)][0] is own
    assert own.module()(z).tolist() == own(z).tolist()
    assert repr(own.module(beta=2.0)) == "OwnSwish(beta=2.0)"


def test_a_learnable_one_trains() -> None:
    own = make(learnable=("beta",))
    module = own.module(num_parameters=4)
    net = nn.Sequential(nn.Linear(4, 4), module, nn.Linear(4, 1))
    net(torch.randn(8, 4)).square().sum().backward()
    assert module.beta.grad is not None
    assert torch.isfinite(module.beta.grad).all()
    assert bool((module.beta.grad != 0).all())


def test_a_kink_may_be_declared() -> None:
    @register(formula="abs z", kinks=lambda: (0.0,), kink="slope 0 at 0", slope=torch.sign)
    def own_abs(z: Tensor) -> Tensor:
        return z.abs()

    z = torch.tensor([-2.0, 0.0, 3.0], requires_grad=True)
    own_abs(z).sum().backward()
    assert z.grad is not None
    assert z.grad.tolist() == [-1, 0, 1]
    assert gain(own_abs) == pytest.approx(1)
    assert own_abs.kinks_at() == (0.0,)


def test_one_over_an_axis_has_no_slope() -> None:
    @register(formula="z - mean z", elementwise=False)
    def own_center(z: Tensor) -> Tensor:
        return z - z.mean(-1, keepdim=True)

    z = torch.tensor([1.0, 3.0], requires_grad=True)
    assert own_center(z).tolist() == [-1, 1]
    assert not own_center.elementwise
    with pytest.raises(UsageError, match="own_center works on a whole axis"):
        own_center.exact_slope(z)


def test_a_newer_one_of_the_same_name_replaces_it() -> None:
    first = make()
    kind = type(first.module())

    @register(formula="2 z")
    def own_swish(z: Tensor) -> Tensor:
        return 2 * z

    assert acts()["own_swish"] is own_swish
    assert type(own_swish.module()) is not kind
    assert own_swish.module()(torch.tensor(3.0)).item() == 6
    node: Any = own_swish(torch.ones(2, requires_grad=True)).grad_fn
    assert by_node()[name_of(node)][0] is own_swish


def test_errors() -> None:
    with pytest.raises(
        UsageError, match="the act 'relu' is one of relume's own; give yours another"
    ):

        @register(formula="z")
        def relu(z: Tensor) -> Tensor:
            return z

    with pytest.raises(
        UsageError, match="the act 'own_bare' needs a default for its parameter 'k'"
    ):

        @register(formula="k z")
        def own_bare(z: Tensor, k: float) -> Tensor:
            return k * z

    assert "own_bare" not in acts()
    own = make()
    with pytest.raises(TypeError, match="own_swish has no parameter 'gamma'; it has: beta"):
        own(torch.ones(2), gamma=1)
    with pytest.raises(TypeError, match="own_swish takes at most 1 parameters, got 2"):
        own(torch.ones(2), 1.0, 2.0)
    with pytest.raises(UsageError, match=r"takes a floating tensor, got torch\.int64"):
        own(torch.ones(2, dtype=torch.int64))
