"""Maxout: values, gradients, ties and NaN as torch's max; the layers; what they keep."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import relume
from relume.acts import Maxout, MaxoutConv1d, MaxoutConv2d, bytes_for_backward, maxout
from relume.acts.kernels import blocks
from relume.errors import UsageError

FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]


@pytest.fixture(params=[1000, 10**6], ids=["blocks", "one block"])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", request.param)


def by_torch(z: Tensor, pieces: int, dim: int) -> Tensor:
    dim %= z.dim()
    return z.unflatten(dim, (pieces, -1)).max(dim).values  # the first of equal ones


def compared(z: Tensor, pieces: int, dim: int) -> None:
    found: list[tuple[Tensor, Tensor]] = []
    for call in (maxout, by_torch):
        at = z.detach().clone(memory_format=torch.preserve_format).requires_grad_()
        value = call(at, pieces, dim)
        pull = torch.randn(value.shape, generator=torch.Generator().manual_seed(1)).to(value.dtype)
        found.append((value.detach(), torch.autograd.grad(value, at, pull)[0]))
    assert torch.equal(found[0][0].nan_to_num(7.5), found[1][0].nan_to_num(7.5))
    assert torch.equal(found[0][0].isnan(), found[1][0].isnan())
    assert torch.equal(found[0][1], found[1][1])


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("pieces", [2, 3, 4, 8, 9, 17, 128])
def test_value_and_gradient_are_those_of_max(pieces: int, dtype: torch.dtype) -> None:
    made = torch.Generator().manual_seed(pieces)
    for shape, dim in [((64, 24), -1), ((3, 5, 7), 1), ((24,), 0), ((6, 5, 3), 0), ((0, 4), 1)]:
        size = list(shape)
        size[dim] *= pieces
        compared(torch.randn(size, generator=made).to(dtype), pieces, dim)
        compared(torch.randint(-2, 3, size, generator=made).to(dtype), pieces, dim)  # many ties


@pytest.mark.usefixtures("block")
def test_other_layouts() -> None:
    pieces = 3
    z = torch.randn(4, pieces * 8, 11, 9, generator=torch.Generator().manual_seed(0))
    compared(z.to(memory_format=torch.channels_last), pieces, 1)
    compared(z.transpose(2, 3), pieces, 1)
    compared(z[:, :, ::2], pieces, 1)
    compared(z.transpose(1, 3), pieces, -1)
    last = maxout(z.to(memory_format=torch.channels_last), pieces, 1)
    assert last.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("pieces", [2, 4, 12])
def test_nan_and_infinities(pieces: int) -> None:
    z = torch.randn(40, pieces * 6, generator=torch.Generator().manual_seed(0))
    z[3, 1] = z[5, -1] = z[6, 0] = z[6, 6] = float("nan")
    z[9, 2], z[10, 3], z[11] = float("inf"), float("-inf"), float("-inf")
    compared(z, pieces, 1)


def test_the_first_piece_wins_a_tie() -> None:
    z = torch.zeros(1, 4, requires_grad=True)
    maxout(z, 2).sum().backward()
    assert z.grad is not None
    assert z.grad.tolist() == [[1, 1, 0, 0]]


def test_a_maxout_that_takes_the_last_of_equal_ones_is_rejected() -> None:
    class Last(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, z: Tensor) -> Tensor:
            ctx.save_for_backward(z)
            return by_torch(z, 2, -1)

        @staticmethod
        def backward(ctx: Any, *pull: Any) -> Any:
            one, two = ctx.saved_tensors[0].chunk(2, -1)
            return torch.cat((pull[0] * (one > two), pull[0] * (one <= two)), -1)

    z = torch.zeros(3, 4, requires_grad=True)
    value: Any = Last.apply(z)
    (wrong,) = torch.autograd.grad(value.sum(), z)
    (right,) = torch.autograd.grad(maxout(z, 2).sum(), z)
    assert not torch.equal(wrong, right)


@pytest.mark.parametrize("exact", [True, False])
def test_second_derivatives_transforms_and_tracing(exact: bool) -> None:
    z = torch.randn(5, 12, dtype=torch.float64, requires_grad=True)
    call = lambda t: maxout(t, 3, exact=exact)  # noqa: E731
    assert torch.autograd.gradcheck(call, (z,))
    assert torch.autograd.gradgradcheck(lambda t: call(t) ** 2, (z,))
    rows = torch.func.vmap(lambda t: maxout(t, 3, -1))(z)
    assert torch.equal(rows, by_torch(z, 3, -1))
    jacobian = torch.func.jacrev(lambda t: maxout(t, 3, -1))(z[0])
    assert torch.equal(jacobian.sum(-1), torch.ones(4, dtype=torch.float64))


def test_compiled_code_has_no_break() -> None:
    layer = Maxout(8, 6, pieces=3)
    x = torch.randn(5, 8)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    assert torch.allclose(compiled(x), layer(x))
    compiled(x).sum().backward()
    assert layer.weight.grad is not None


def test_gain() -> None:
    assert relume.gain("maxout") == pytest.approx(1.0, abs=1e-12)  # E max(a, b)^2 = 1
    draws = torch.randn(200_000, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    square = float((draws.max(1).values ** 2).mean())
    assert relume.gain("maxout(pieces=4)") == pytest.approx(square**-0.5, rel=0.005)
    assert relume.gain("maxout(pieces=4)") == pytest.approx(0.80, abs=0.005)


@pytest.mark.parametrize("pieces", [2, 4])
def test_the_signal_keeps_its_size_through_twenty_layers(pieces: int) -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(*(Maxout(256, 256, pieces) for _ in range(20)))
    with torch.no_grad():
        square = layers(torch.randn(512, 256)).square().mean()
        started = nn.Sequential(*copy.deepcopy(list(layers)))
        for layer in started:
            assert isinstance(layer, Maxout)
            layer.weight.mul_(2**0.5)  # He's gain for ReLU, the wrong one
        wrong = started(torch.randn(512, 256)).square().mean()
    assert 0.3 < square < 3
    assert wrong > 1e4 * square


def test_a_relu_layer_is_a_maxout_of_itself_and_zero() -> None:
    first, zero = nn.Linear(5, 4), nn.Linear(5, 4)
    nn.init.zeros_(zero.weight)
    nn.init.zeros_(zero.bias)
    layer = Maxout.from_linears([zero, first])
    x = torch.randn(30, 5)
    assert torch.allclose(layer(x), F.relu(first(x)))
    assert layer.piece_shares(x).sum(0).tolist() == [1.0] * 4
    shares = (first(x) > 0).double().mean(0)
    assert torch.equal(layer.piece_shares(x)[1], shares)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("places", [1, 2])
def test_convolutions_are_the_largest_of_convolutions(places: int, groups: int) -> None:
    torch.manual_seed(0)
    kind: Any = nn.Conv1d if places == 1 else nn.Conv2d
    ours: Any = MaxoutConv1d if places == 1 else MaxoutConv2d
    options = {"stride": 2, "padding": 1, "groups": groups, "padding_mode": "reflect"}
    convs = [kind(4, 6, 3, **options) for _ in range(3)]
    layer = ours.from_convs(convs)
    x = torch.randn(2, 4, *[9] * places)
    truth = torch.stack([conv(x) for conv in convs])
    assert torch.allclose(layer(x), truth.max(0).values, atol=1e-6)
    assert torch.allclose(layer(x[0]), truth[:, 0].max(0).values, atol=1e-6)  # without a batch
    winners = truth.max(0).indices.movedim(1, -1).reshape(-1, 6)
    shares = torch.stack([(winners == piece).double().mean(0) for piece in range(3)])
    assert torch.allclose(layer.piece_shares(x), shares)
    fresh = ours(4, 6, 3, pieces=2, groups=groups)
    assert float(fresh.conv.weight.detach().std()) == pytest.approx(
        (4 / groups * 3**places) ** -0.5, rel=0.2
    )
    assert fresh(x).shape[1] == 6


def test_less_is_kept_for_backward_than_by_torch() -> None:
    x = torch.randn(128, 64)
    ours = nn.Sequential(Maxout(64, 64), nn.Linear(64, 8))
    linear, head = nn.Linear(64, 128), nn.Linear(64, 8)

    def plain(at: Tensor) -> Tensor:
        return head(linear(at).view(-1, 64, 2).max(-1).values)

    kept = bytes_for_backward(ours, x)
    assert kept.bytes == 128 * 64 * (4 + 1)  # the output, which the next layer keeps, and a byte
    head_weight = 4 * head.weight.numel()  # `plain` is no module whose weights are known
    assert bytes_for_backward(plain, x).bytes - head_weight == 128 * 64 * (4 + 8)  # int64


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: maxout(torch.zeros(3, 5)), "2 pieces do not share evenly"),
        (lambda: maxout(torch.zeros(3, 4), 2, 2), "needs that axis"),
        (lambda: maxout(torch.zeros(3, 4), 1), "takes 2 to 128 pieces, got 1"),
        (lambda: Maxout(3, 4, pieces=129), "takes 2 to 128 pieces, got 129"),
        (lambda: Maxout.from_linears([nn.Linear(2, 2)]), "two layers or more, got 1"),
        (lambda: Maxout.from_linears([nn.Linear(2, 2), nn.Linear(2, 3)]), "layers of one shape"),
        (
            lambda: Maxout.from_linears([nn.Linear(2, 2), nn.Linear(2, 2, bias=False)]),
            "all have a bias, or none",
        ),
        (lambda: MaxoutConv1d(2, 3, 3, groups=2), "2 groups do not share 3 out_channels"),
        (
            lambda: MaxoutConv2d.from_convs([nn.Conv1d(1, 1, 1)] * 2),
            "made of Conv2d, got Conv1d",
        ),
        (lambda: maxout(torch.zeros(3, 4, dtype=torch.long), exact=True), "floating tensor"),
    ],
)
def test_what_cannot_be_says_why(call: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()


def test_learning() -> None:
    """Two pieces can take the absolute value of a sum, which one linear piece cannot."""
    torch.manual_seed(0)
    x = torch.randn(256, 2)
    y = (x[:, :1] + x[:, 1:]).abs()
    model = Maxout(2, 1)
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    for _ in range(300):
        loss = F.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-3
