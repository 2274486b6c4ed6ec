"""Acts that keep less, the count of what is kept, and the groups for weight decay."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from relume.acts import (
    LeakyReLU,
    LeanLeakyReLU,
    PReLU,
    Swish,
    bytes_for_backward,
    parameter_groups,
)
from relume.acts.recognise import act_of
from relume.errors import UsageError

FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("slope", [0.0, 0.01, 1.0, 3.0])
def test_lean_leaky_relu_is_torch_bit_for_bit(slope: float, dtype: torch.dtype) -> None:
    z = torch.randn(40, 30, generator=torch.Generator().manual_seed(0)).to(dtype)
    z[0, 0], z[0, 1], z[0, 2] = 0.0, -0.0, float("nan")
    found: list[tuple[Tensor, Tensor]] = []
    for call in (LeanLeakyReLU(slope), nn.LeakyReLU(slope)):
        at = z.clone().requires_grad_()
        value = call(at)
        found.append((value, torch.autograd.grad(value, at, torch.ones_like(value))[0]))
    for one, two in zip(*found, strict=True):
        assert torch.equal(one.isnan(), two.isnan())
        assert torch.equal(one.nan_to_num(9.0), two.nan_to_num(9.0))


def test_lean_leaky_relu_to_the_second_derivative() -> None:
    z = torch.randn(20, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda t: LeanLeakyReLU(0.2)(t) ** 2, (z,))
    assert torch.equal(torch.func.vmap(LeanLeakyReLU(0.2))(z), F.leaky_relu(z, 0.2))
    act = act_of(LeanLeakyReLU(0.2))
    assert act is not None
    assert (act.name, act.defaults["negative_slope"]) == ("leaky_relu", 0.2)


def test_a_negative_slope_is_refused() -> None:
    with pytest.raises(UsageError, match=r"slope of 0 or more, got -0\.1; LeakyReLU takes any"):
        LeanLeakyReLU(-0.1)


@pytest.mark.parametrize("act", [LeakyReLU(), nn.LeakyReLU(), LeanLeakyReLU()])
def test_bytes_for_backward(act: nn.Module) -> None:
    model = nn.Sequential(nn.Linear(10, 20), act, nn.Linear(20, 5))
    kept = bytes_for_backward(model, torch.randn(7, 10))
    lean = isinstance(act, LeanLeakyReLU)
    assert kept.bytes == 4 * 7 * 20 * (1 if lean else 2)
    assert kept.tensors == (((7, 20), torch.float32),) * (1 if lean else 2)
    assert str(kept) == f"{kept.bytes} bytes for backward in {len(kept.tensors)} tensors"


def test_shared_storage_parameters_and_inputs_count_once_or_not() -> None:
    weight = torch.randn(50, requires_grad=True)

    def call(x: Tensor) -> Tensor:
        y = weight * x  # keeps x alone, as x wants no gradient
        return (y[:25].exp() * y[25:].sigmoid()).sum()

    kept = bytes_for_backward(call, torch.ones(50))
    assert kept.bytes == 4 * (25 + 25)  # exp and sigmoid; x is given
    assert bytes_for_backward(lambda x: x * 2, torch.ones(3)).bytes == 0
    with torch.no_grad():
        assert bytes_for_backward(call, torch.ones(50)).bytes == kept.bytes


def test_learned_slopes_are_not_decayed() -> None:
    model = nn.Sequential(
        nn.Linear(3, 4), nn.PReLU(4), PReLU(), nn.BatchNorm1d(4), Swish(), nn.LayerNorm(4)
    )
    decayed, spared = parameter_groups(model, 0.1)
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)
    assert [tuple(p.shape) for p in spared["params"]] == [(4,), (1,), (1,)]
    assert len(decayed["params"]) == 6
    only = parameter_groups(model, 0.1, biases_and_norms=True)
    assert [tuple(p.shape) for p in only[0]["params"]] == [(4, 3)]
    assert sum(len(group["params"]) for group in only) == len(list(model.parameters()))
    assert len(parameter_groups(nn.Linear(2, 2), 0.1)) == 1


def test_weight_decay_pulls_a_slope_to_zero_and_the_groups_keep_it() -> None:
    ends: list[float] = []
    for grouped in (False, True):
        act = PReLU()
        groups = parameter_groups(act, 0.5) if grouped else [{"params": act.parameters()}]
        optimizer = torch.optim.AdamW(groups, 0.05, weight_decay=0.5)
        for _ in range(200):
            act.weight.grad = torch.zeros(1)
            optimizer.step()
        ends.append(act.weight.item())
    assert ends[0] < 0.01
    assert ends[1] == 0.25
