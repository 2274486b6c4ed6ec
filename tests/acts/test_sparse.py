"""Acts over an axis that leave most entries out, and softmax's relatives, against mpmath."""

from typing import Any

import mpmath
import pytest
import torch
from mpmath import mpf
from torch import Tensor

from relume.acts.act import find_act

ROWS = [
    [0.0, 0.0, 0.0, 0.0],
    [1.0, -2.0, 0.5, 3.0],
    [0.3, 0.1, 0.2, 0.25],
    [80.0, -80.0, 0.0, 79.5],
    [1e4, -1e4, 9999.0, 0.0],
]
WEIGHT = [0.3, -1.0, 2.0, 0.7]


def by_bisection(z: list[Any], power: Any) -> tuple[list[Any], list[Any]]:
    """max(0, z - t)^power with the sum 1, t by bisection; and the Jacobian's weights."""
    low, high = min(z) - 2, max(z)
    for _ in range(400):
        level = (low + high) / 2
        total = mpmath.fsum(max(one - level, 0) ** power for one in z)
        low, high = (level, high) if total > 1 else (low, level)
    tops = [max(one - low, mpf(0)) for one in z]
    weights = [power * top ** (power - 1) if top > 1e-60 else mpf(0) for top in tops]
    return [top**power for top in tops], weights


def truth(name: str, row: list[float]) -> tuple[list[float], list[float]]:
    """Value and gradient of sum_i w_i f_i."""
    with mpmath.workdps(100):
        z = [mpf(one) for one in row]
        w = [mpf(one) for one in WEIGHT]
        if name == "sink_softmax":
            whole = 1 + mpmath.fsum(mpmath.exp(one) for one in z)
            post = [mpmath.exp(one) / whole for one in z]
            mean = mpmath.fsum(a * b for a, b in zip(w, post, strict=True))
            return [*map(float, post)], [
                float(p * (a - mean)) for p, a in zip(post, w, strict=True)
            ]
        halves = [one / 2 for one in z] if name == "entmax15" else z
        post, weights = by_bisection(halves, 2 if name == "entmax15" else 1)
        weights = [one / 2 for one in weights] if name == "entmax15" else weights
        mean = mpmath.fsum(a * b for a, b in zip(w, weights, strict=True)) / mpmath.fsum(weights)
        pulls = [b * (a - mean) for a, b in zip(w, weights, strict=True)]
        return [*map(float, post)], [*map(float, pulls)]


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("name", ["sparsemax", "entmax15", "sink_softmax"])
def test_value_and_gradient(name: str, dtype: torch.dtype, exact: bool) -> None:
    wide, eps = torch.float64, torch.finfo(dtype).eps
    for row in ROWS:
        value, gradient = truth(name, torch.tensor(row, dtype=dtype).tolist())
        z = torch.tensor(row, dtype=dtype, requires_grad=True)
        out = find_act(name)(z, exact=exact)
        (got,) = torch.autograd.grad((out * torch.tensor(WEIGHT, dtype=dtype)).sum(), z)
        size = {"rtol": 16 * eps, "atol": 16 * eps}
        torch.testing.assert_close(out.to(wide), torch.tensor(value, dtype=wide), **size)
        torch.testing.assert_close(got.to(wide), torch.tensor(gradient, dtype=wide), **size)


@pytest.mark.parametrize(
    "name", ["sparsemax", "entmax15", "sink_softmax", "top_k", "batch_top_k", "poly_norm", "crelu"]
)
def test_derivatives_to_the_second_and_any_axis(name: str) -> None:
    act = find_act(name)
    words: dict[str, Any] = {"k": 2} if "k" in act.defaults else {}
    z = torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    z.requires_grad_()
    assert torch.autograd.gradcheck(lambda t: act(t, **words), (z,))
    assert torch.autograd.gradgradcheck(lambda t: act(t, **words), (z,))
    if "dim" in act.defaults:
        assert torch.equal(act(z, dim=0, **words), act(z.t(), **words).t())


def test_rows_are_probabilities_with_zeros() -> None:
    z = torch.tensor([[4.0, 1.0, 3.8, -2.0]])
    for name in ("sparsemax", "entmax15"):
        post = find_act(name)(z)
        assert float(post.sum()) == pytest.approx(1)
        assert post[0, 3] == 0
        assert find_act(name).traits["rows"] == "probabilities"
    sink = find_act("sink_softmax")
    assert float(sink(torch.full((1, 3), -50.0)).sum()) < 1e-20  # nothing to attend to
    assert float(sink(z, sink=-100.0).sum()) == pytest.approx(1)
    masked = sink(torch.full((1, 3), -torch.inf))
    assert masked.tolist() == [[0, 0, 0]]


def test_the_k_largest_pass_and_nothing_else() -> None:
    z = torch.tensor([[3.0, -1.0, 2.0, 5.0], [0.1, 0.2, 0.4, 0.3]], requires_grad=True)
    top, batch = find_act("top_k")(z, k=2), find_act("batch_top_k")(z, k=2)
    assert top.tolist() == [[3, 0, 0, 5], [0, 0, pytest.approx(0.4), pytest.approx(0.3)]]
    assert batch.tolist() == [[3, 0, 2, 5], [0, 0, pytest.approx(0.4), 0]]
    for post in (top, batch):
        (into,) = torch.autograd.grad(post.sum(), z, retain_graph=True)
        assert torch.equal(into, (post != 0).float())
    assert torch.equal(find_act("top_k")(z, k=9), z)


def test_the_threshold_of_a_jump_learns_by_the_declared_gradient() -> None:
    """-threshold / bandwidth within half a bandwidth (Rajamanoharan et al., equation 12)."""
    act = find_act("jump_relu")
    z = torch.tensor([[0.2, 0.45, 0.5, 0.55, 0.8]], dtype=torch.float64, requires_grad=True)
    threshold = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    for exact in (True, False):
        post = act(z, threshold, 0.2, exact=exact)
        assert post.tolist() == [[0, 0, 0, 0.55, 0.8]]
        into, pull = torch.autograd.grad(post.sum(), (z, threshold))
        assert into.tolist() == [[0, 0, 0, 1, 1]]
        assert float(pull) == pytest.approx(-3 * 0.5 / 0.2)
    module: Any = act.module(threshold=0.5, bandwidth=0.2)
    module(z.float()).sum().backward()
    assert module.threshold.grad.tolist() == pytest.approx([-7.5])


def test_powers_have_a_root_mean_square_of_one() -> None:
    z = torch.randn(4, 64)
    act = find_act("poly_norm")
    for place in ("a1", "a2", "a3"):
        words = {"a1": 0.0, "a2": 0.0, "a3": 0.0, place: 1.0}
        part: Tensor = act(z, **words)
        assert torch.allclose(part.square().mean(-1).sqrt(), torch.ones(4), atol=1e-4)
        power = z ** int(place[1])
        assert torch.allclose(part, power / power.square().mean(-1, keepdim=True).sqrt(), atol=1e-4)
