"""The records of the acts: what the recorder reads in torch's graph is the act that it says."""

from collections.abc import Callable
from typing import Any

import mpmath
import pytest
import torch
from act_oracles import ROWS, UNSEEN
from mpmath import mpf
from torch import Tensor
from torch.nn import functional as F

from relume.acts.act import Act, Node, acts, by_node, find_act
from relume.errors import UnknownNameError
from relume.record.graph.autograd_graph import name_of

# How torch is called so that its graph shows the act.
CALLS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
    "prelu": lambda x: F.prelu(x, torch.tensor([0.25], dtype=x.dtype)),
    "rrelu": F.rrelu,
    "hardtanh": F.hardtanh,
    "clamp": lambda x: x.clamp(min=0),
    "maximum": lambda x: torch.maximum(x, torch.zeros(()).to(x)),
    "threshold": lambda x: F.threshold(x, 0, 0),
    "hardshrink": F.hardshrink,
    "softshrink": F.softshrink,
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "elu": F.elu,
    "celu": F.celu,
    "gelu": F.gelu,
    "silu": F.silu,
    "mish": F.mish,
    "softplus": F.softplus,
    "log_sigmoid": F.logsigmoid,
}
# No largest slope: flatness is judged against the slope at z = 1.
UNBOUNDED = {"squared_relu": 2.0, "squared_leaky_relu": 2.0, "star_relu": 2 * 0.8944, "xielu": 2.1}
UNBOUNDED["poly_relu"] = 2.0
ORACLES = {row.act: row for row in reversed(ROWS)}  # the first row of an act: its defaults
POINTS = [
    sign * size for size in (1e-3, 0.02, 0.31, 0.77, 1.3, 2.2, 3.7, 5.5, 8.0) for sign in (-1, 1)
]
ELEMENTWISE = [name for name, act in acts().items() if act.elementwise]


def seen(name: str) -> tuple[Act, Node, dict[str, Any]]:
    """The act, its node and its parameters as torch's graph shows them."""
    x = torch.tensor(POINTS, dtype=torch.float64, requires_grad=True)
    node: Any = CALLS[name](x).grad_fn
    assert name_of(node) in by_node(), f"torch shows {name} as {name_of(node)}"
    act, shown = by_node()[name_of(node)]
    assert act.name == name
    return act, shown, act.parameters(shown, node)


def wrong_slopes(act: Act, name: str, extra: dict[str, Any]) -> int:
    """How many slopes differ from the derivative of the printed definition."""
    assert act.slope is not None
    row = ORACLES[name]
    points = [p for p in POINTS if all(abs(p - kink) > 1e-4 for kink in row.kinks)]
    found = act.slope(torch.tensor(points, dtype=torch.float64), **extra)
    truth = [float(row.truth(p)[1]) for p in points]
    return sum(
        abs(one - two) > 1e-10 * max(1e-3, abs(two))
        for one, two in zip(found.tolist(), truth, strict=True)
    )


def test_every_act_is_either_seen_or_not() -> None:
    assert sorted([*CALLS, *UNSEEN]) == sorted(ELEMENTWISE)
    assert {name for name in ELEMENTWISE if find_act(name).nodes} == set(CALLS)


@pytest.mark.parametrize("name", sorted(CALLS))
def test_slope_value_and_node(name: str) -> None:
    act, shown, extra = seen(name)
    assert wrong_slopes(act, name, extra) == 0
    z = torch.tensor(POINTS, dtype=torch.float64)
    with mpmath.workdps(40):
        truth = [float(ORACLES[name].oracle(mpf(p))) for p in POINTS]
    found = act.value(z, **extra)
    torch.testing.assert_close(found, torch.tensor(truth, dtype=z.dtype), rtol=1e-9, atol=1e-9)
    if act.slope_of_post is not None and act.slope is not None:
        post = act.slope_of_post(found, **extra)
        torch.testing.assert_close(post, act.slope(z, **extra), rtol=1e-6, atol=1e-9)
    assert shown.holds in ("pre", "post")


@pytest.mark.parametrize("name", sorted(CALLS))
def test_acts_held_by_their_output_can_be_judged_by_it(name: str) -> None:
    act = find_act(name)
    assert (act.slope_of_post is not None) == any(node.holds == "post" for node in act.nodes)
    assert act.post_centre == pytest.approx(0.5 if name == "sigmoid" else act.post_centre)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_max_slope_is_the_supremum(name: str) -> None:
    act = find_act(name)
    assert act.slope is not None
    if name in UNBOUNDED:
        assert act.max_slope == pytest.approx(UNBOUNDED[name])
        assert float(act.slope(torch.tensor(1.0))) == pytest.approx(act.max_slope)
        assert float(act.slope(torch.tensor(1e6))) > 1e3 * act.max_slope
        return
    if name == "finer":  # its slope has no largest either: the envelope at 1
        near = torch.linspace(0.95, 1.05, 1001, dtype=torch.float64)
        assert float(act.slope(near).abs().max()) == pytest.approx(act.max_slope, rel=0.05)
        assert float(act.slope(100 * near).abs().max()) > 60 * act.max_slope
        return
    z = torch.linspace(-40, 40, 400_001, dtype=torch.float64)
    largest = float(act.slope(z, **act.defaults).abs().max())
    assert largest == pytest.approx(
        act.max_slope, rel=2e-6, abs=1e-3 * (name in ("squareplus", "gabor"))
    )


def test_max_slope_follows_the_parameters() -> None:
    assert find_act("leaky_relu").bind(negative_slope=3.0).max_slope == 3.0
    assert find_act("star_relu").bind(scale=2.0).max_slope == 4.0
    assert find_act("elu").bind(alpha=2.0).max_slope == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("name", "smooth", "rectifies"),
    [
        ("relu", False, True),
        ("leaky_relu", False, False),
        ("hardtanh", False, False),
        ("hardswish", False, True),
        ("squared_relu", False, True),
        ("gelu", True, True),
        ("quick_gelu", True, True),
        ("silu", True, True),
        ("mish", True, True),
        ("softplus", True, True),
        ("squareplus", True, True),
        ("sigmoid", True, False),
        ("tanh", True, False),
        ("softsign", True, False),
        ("elu", True, False),
        ("selu", True, False),
        ("celu", True, False),
        ("log_sigmoid", True, False),
        ("snake", True, False),
        ("identity", False, False),
    ],
)
def test_what_the_rules_ask_of_an_act(name: str, smooth: bool, rectifies: bool) -> None:
    act = find_act(name)
    assert (act.smooth, act.rectifies) == (smooth, rectifies)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_kinks_are_where_the_slope_jumps(name: str) -> None:
    """Just these, at the parameters of every row of the act."""
    act = find_act(name)
    for row in (row for row in ROWS if row.act == name):
        assert act.kinks_at(**row.parameters) == tuple(sorted(row.kinks)), str(row)
        assert bool(row.kinks) <= bool(act.kink), str(row)


@pytest.mark.parametrize(("low", "high", "many"), [(-10, 10, 1), (0, 2.5, 2), (-0.1, 2, 3)])
def test_a_clipped_gelu_bends_where_gelu_meets_a_bound(low: float, high: float, many: int) -> None:
    kinks = find_act("clipped_gelu").kinks_at(min=low, max=high)
    levels = F.gelu(torch.tensor(kinks, dtype=torch.float64)).tolist()
    assert len(kinks) == many
    for level in levels:
        assert min(abs(level - low), abs(level - high)) < 1e-12


def test_the_contract_rejects_a_wrong_slope() -> None:
    act, _, extra = seen("gelu")
    twin = Act(
        name="gelu",
        family="smooth",
        formula="",
        year=2016,
        reference="",
        value=act.value,
        nodes=act.nodes,
        slope=lambda z, approximate="none": torch.sigmoid(1.702 * z),  # the density term is lost
    )
    assert wrong_slopes(twin, "gelu", extra) > 0


@pytest.mark.parametrize(
    ("call", "called"),
    [(F.relu6, "relu6"), (F.hardtanh, "hardtanh"), (F.selu, "selu"), (F.elu, "elu")],
)
def test_variants_have_their_own_names(call: Callable[[Tensor], Tensor], called: str) -> None:
    node: Any = call(torch.ones(3, requires_grad=True)).grad_fn
    act, shown = by_node()[name_of(node)]
    assert act.called(act.parameters(shown, node)) == called
    assert find_act(called).name == called


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
        (lambda x: F.log_softmax(x, 0), "log_softmax"),
        (lambda x: F.glu(x.reshape(2, 2)), "glu"),
    ],
)
def test_other_spellings_are_the_same_act(call: Callable[[Tensor], Tensor], name: str) -> None:
    node: Any = call(torch.randn(4, requires_grad=True)).grad_fn
    assert by_node()[name_of(node)][0].name == name


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_our_own_path_is_recognised_too(name: str) -> None:
    act = find_act(name)
    z = torch.tensor(POINTS, requires_grad=True)
    out = act(z, exact=True)  # kept: torch 2.8 frees what a custom function saved with its output
    node: Any = out.grad_fn
    found, shown = by_node()[name_of(node)]
    assert found is act
    assert torch.equal(shown.read(node), z)
    assert act.parameters(shown, node) == dict(act.defaults)


def test_a_saved_tensor_parameter_is_read_from_our_node() -> None:
    weight = torch.tensor([0.1, 0.2, 0.3], requires_grad=True)
    out = find_act("prelu")(torch.randn(2, 3), weight, exact=True)
    node: Any = out.grad_fn
    act, shown = by_node()[name_of(node)]
    assert act.parameters(shown, node)["weight"].flatten().tolist() == weight.tolist()


def test_what_the_recorder_hands_over_is_understood() -> None:
    """Sampled rows (rows, units), parameters as saved, tensors flattened."""
    rows = torch.randn(5, 3)
    maximum = find_act("maximum")
    per_unit = torch.tensor([0.1, -0.2, 0.3])
    assert torch.equal(maximum.value(rows, other=per_unit), torch.maximum(rows, per_unit))
    scalar = torch.tensor([0.5])
    assert torch.equal(maximum.value(rows, other=scalar), rows.clamp(min=0.5))
    everywhere = torch.zeros(7 * 3)  # of another sample: cannot be followed, so it is a ReLU
    assert torch.equal(maximum.value(rows, other=everywhere), rows.relu())
    prelu = find_act("prelu")
    assert torch.equal(
        prelu.value(rows, weight=per_unit), torch.where(rows > 0, rows, rows * per_unit)
    )


def test_unknown_names_are_met_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'leaky_relu'"):
        find_act("leakyrelu")
