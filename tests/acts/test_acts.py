"""One contract for every act record: slopes against mpmath, nodes against torch itself."""

from collections.abc import Callable
from typing import Any

import mpmath
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from relume.acts.act import Act, Node, acts, by_node, find_act
from relume.errors import UnknownNameError

Oracle = Callable[[Any], Any]


def _sigmoid(z: Any) -> Any:
    return 1 / (1 + mpmath.exp(-z))


def _softplus(z: Any) -> Any:
    return mpmath.log(1 + mpmath.exp(z))


SELU = (1.6732632423543772, 1.0507009873554805)

# The definition as printed in its paper, how torch is called, and the kinks, where no slope is
# compared.
ROWS: dict[str, tuple[Oracle, Callable[[Tensor], Tensor], tuple[float, ...]]] = {
    "relu": (lambda z: max(z, 0), torch.relu, (0,)),
    "leaky_relu": (lambda z: z if z > 0 else 0.01 * z, F.leaky_relu, (0,)),
    "prelu": (
        lambda z: z if z > 0 else 0.25 * z,
        lambda x: F.prelu(x, torch.tensor([0.25], dtype=x.dtype)),
        (0,),
    ),
    "rrelu": (lambda z: z if z > 0 else z * 11 / 48, F.rrelu, (0,)),
    "hardtanh": (lambda z: min(max(z, -1), 1), F.hardtanh, (-1, 1)),
    "clamp": (lambda z: max(z, 0), lambda x: x.clamp(min=0), (0,)),
    "maximum": (lambda z: max(z, 0), lambda x: torch.maximum(x, torch.zeros(()).to(x)), (0,)),
    "threshold": (lambda z: max(z, 0), lambda x: F.threshold(x, 0, 0), (0,)),
    "hardshrink": (lambda z: z if abs(z) > 0.5 else 0, F.hardshrink, (-0.5, 0.5)),
    "softshrink": (
        lambda z: z - 0.5 if z > 0.5 else z + 0.5 if z < -0.5 else 0,
        F.softshrink,
        (-0.5, 0.5),
    ),
    "hardsigmoid": (lambda z: min(max(z + 3, 0), 6) / 6, F.hardsigmoid, (-3, 3)),
    "hardswish": (lambda z: z * min(max(z + 3, 0), 6) / 6, F.hardswish, (-3, 3)),
    "sigmoid": (_sigmoid, torch.sigmoid, ()),
    "tanh": (mpmath.tanh, torch.tanh, ()),
    "elu": (lambda z: z if z > 0 else mpmath.expm1(z), F.elu, (0,)),
    "celu": (lambda z: z if z > 0 else mpmath.expm1(z), F.celu, (0,)),
    "gelu": (lambda z: z * mpmath.ncdf(z), F.gelu, ()),
    "silu": (lambda z: z * _sigmoid(z), F.silu, ()),
    "mish": (lambda z: z * mpmath.tanh(_softplus(z)), F.mish, ()),
    "softplus": (_softplus, F.softplus, ()),
    "log_sigmoid": (lambda z: -_softplus(-z), F.logsigmoid, ()),
}
POINTS = [
    sign * size for size in (1e-3, 0.02, 0.31, 0.77, 1.3, 2.2, 3.7, 5.5, 8.0) for sign in (-1, 1)
]
ELEMENTWISE = [name for name, act in acts().items() if act.slope is not None]


def parameters(name: str, call: Callable[[Tensor], Tensor]) -> tuple[Act, Node, dict[str, Any]]:
    x = torch.tensor(POINTS, dtype=torch.float64, requires_grad=True)
    node: Any = call(x).grad_fn
    assert node.name() in by_node(), f"torch shows {name} as {node.name()}"
    act, shown = by_node()[node.name()]
    assert act.name == name
    return act, shown, act.parameters(shown, node)


def wrong_slopes(act: Act, oracle: Oracle, kinks: tuple[float, ...], extra: dict[str, Any]) -> int:
    """How many slopes differ from the derivative of the printed definition."""
    assert act.slope is not None
    points = [p for p in POINTS if all(abs(p - kink) > 0.1 for kink in kinks)]
    found = act.slope(torch.tensor(points, dtype=torch.float64), **extra)
    with mpmath.workdps(40):
        truth = [float(mpmath.diff(oracle, mpmath.mpf(p))) for p in points]
    return sum(
        abs(one - two) > 1e-10 * max(1e-3, abs(two))
        for one, two in zip(found.tolist(), truth, strict=False)
    )


def test_every_act_has_a_row() -> None:
    assert sorted(ROWS) == sorted(ELEMENTWISE)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_slope_value_and_node(name: str) -> None:
    oracle, call, kinks = ROWS[name]
    act, shown, extra = parameters(name, call)
    assert wrong_slopes(act, oracle, kinks, extra) == 0
    z = torch.tensor(POINTS, dtype=torch.float64)
    assert act.value is not None
    truth = torch.tensor([float(oracle(mpmath.mpf(p))) for p in POINTS], dtype=torch.float64)
    torch.testing.assert_close(act.value(z, **extra), truth, rtol=1e-9, atol=1e-9)
    if act.slope_of_post is not None and act.slope is not None:
        post = act.slope_of_post(act.value(z, **extra), **extra)
        torch.testing.assert_close(post, act.slope(z, **extra), rtol=1e-6, atol=1e-9)
    assert shown.holds in ("pre", "post")


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_max_slope_is_the_supremum(name: str) -> None:
    act = find_act(name)
    oracle, call, _ = ROWS[name]
    del oracle
    _, _, extra = parameters(name, call)
    assert act.slope is not None
    z = torch.linspace(-40, 40, 400_001, dtype=torch.float64)
    assert float(act.slope(z, **extra).abs().max()) == pytest.approx(act.max_slope, rel=2e-6)


def test_the_contract_rejects_a_wrong_slope() -> None:
    oracle, call, kinks = ROWS["gelu"]
    act, _, extra = parameters("gelu", call)
    twin = Act(
        name="gelu",
        family="smooth",
        formula="",
        year=2016,
        reference="",
        nodes=act.nodes,
        slope=lambda z, approximate="none": torch.sigmoid(1.702 * z),  # the density term is lost
    )
    assert wrong_slopes(twin, oracle, kinks, extra) > 0


@pytest.mark.parametrize(
    ("call", "called"),
    [(F.relu6, "relu6"), (F.hardtanh, "hardtanh"), (F.selu, "selu"), (F.elu, "elu")],
)
def test_variants_have_their_own_names(call: Callable[[Tensor], Tensor], called: str) -> None:
    node: Any = call(torch.ones(3, requires_grad=True)).grad_fn
    act, shown = by_node()[node.name()]
    assert act.called(act.parameters(shown, node)) == called


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: F.leaky_relu_(x * 1), "leaky_relu"),
        (lambda x: F.elu_(x * 1), "elu"),
        (lambda x: F.hardtanh_(x * 1), "hardtanh"),
        (lambda x: (x * 1).relu_(), "relu"),
        (torch.ops.aten.relu, "relu"),
        (lambda x: x.clamp_min(0), "clamp"),
        (lambda x: F.gelu(x, approximate="tanh"), "gelu"),
        (lambda x: F.softmax(x, 0), "softmax"),
        (lambda x: F.glu(x.reshape(2, 2)), "glu"),
    ],
)
def test_other_spellings_are_the_same_act(call: Callable[[Tensor], Tensor], name: str) -> None:
    node: Any = call(torch.randn(4, requires_grad=True)).grad_fn
    assert by_node()[node.name()][0].name == name


def test_unknown_names_are_met_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'leaky_relu'"):
        find_act("leakyrelu")
