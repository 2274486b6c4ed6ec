"""Units that multiply one signal by an act of another; the two are halves of one axis.

The second half is the gate, as in torch's `GLU`; a fused weight that has its gate first
(Llama's and Phi's ``gate_up_proj``) must have its halves exchanged.

torch's plain ``a * silu(b)`` saves both factors of the product and the gate's input for backward;
these save `z` alone and recompute the gate (`relume.acts.bytes_for_backward` counts it).
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from relume.acts.act import Act, Node, find_act, register
from relume.acts.families.piecewise import relu
from relume.acts.families.sigmoids import sigmoid
from relume.acts.families.smooth import gelu, silu
from relume.acts.gain import normal_mean
from relume.acts.kernels.blocks import by_torch, eager
from relume.acts.module import ActModule
from relume.acts.wide_precision import function_class
from relume.errors import UsageError

_aten: Any = torch.ops.aten
Gate = Callable[[Tensor], Tensor]
_SHAZEER = "Shazeer, 2020, arXiv:2002.05202"


def halves(z: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    if not -z.dim() <= dim < z.dim() or z.shape[dim] % 2:
        raise UsageError(
            f"a gated unit cuts axis {dim} in two halves; the input has shape {tuple(z.shape)}."
        )
    a, b = z.chunk(2, dim)
    return a, b


def _lean_function(title: str, gate: Callable[..., Tensor], pull: Callable[..., Any]) -> Any:
    """Make the autograd function of ``a gate(b)`` that saves `z` alone.

    Args:
        title: the name of its node, without "Backward".
        gate: of b and the act's own parameters.
        pull: of a gradient, b and the parameters: the gradient times the gate's slope, written
            into `grad_input`.
    """

    def plain(z: Tensor, dim: int, values: tuple[Any, ...]) -> Tensor:
        a, b = halves(z, dim)
        return a * gate(b, *values)

    def forward(ctx: Any, z: Tensor, dim: int, *values: Any) -> Tensor:
        ctx.save_for_backward(z)
        ctx.dim, ctx.values, ctx.relume = dim, values, {}
        return plain(z, dim, values)

    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        (z,), dim = ctx.saved_tensors, ctx.dim
        rest = (None,) * (1 + len(ctx.values))
        if torch.is_grad_enabled():  # a second derivative is wanted
            call = partial(plain, dim=dim, values=ctx.values)
            return by_torch(call, (z,), (True,), gradient)[0], *rest
        a, b = halves(z, dim)
        into = torch.empty_like(z)
        left, right = into.chunk(2, dim)
        torch.mul(gradient, gate(b, *ctx.values), out=left)
        pull(gradient * a, b, *ctx.values, grad_input=right)
        return into, *rest

    return function_class(title, forward, backward)


def _native(function: Any, gate: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return the fast path: the lean function in eager code, plain operations under tracing."""

    def native(z: Tensor, *values: Any, dim: int = -1, **named: Any) -> Tensor:
        values = (*values, *named.values())
        if eager(z):
            return function.apply(z, dim, *values)
        a, b = halves(z, dim)
        return a * gate(b, *values)

    return native


def _mean_square(gate: Act, direction: str) -> float:
    """Return E (a f(b))^2 = E f(b)^2 for independent standard normals; backward the sum over a
    unit's two rows of the weight, so that fan_out counts units, not rows."""

    def gate_squared(b: Tensor) -> Tensor:
        return torch.square(gate.value(b, **gate.defaults))

    if direction == "forward":
        return normal_mean(gate_squared, gate.kinks_at())

    def slopes(b: Tensor) -> Tensor:
        assert gate.slope is not None
        return torch.square(gate.slope(b, **gate.defaults))

    # the gradient into a is f(b), and that into b is a f'(b)
    return normal_mean(gate_squared, gate.kinks_at()) + normal_mean(slopes, gate.kinks_at())


@cache
def _glu_square(direction: str, dim: int = -1) -> float:
    return _mean_square(sigmoid, direction)


@cache
def _reglu_square(direction: str, dim: int = -1) -> float:
    return _mean_square(relu, direction)


@cache
def _geglu_square(direction: str, dim: int = -1, approximate: str = "none") -> float:
    return _mean_square(gelu.bind(approximate=approximate), direction)


@cache
def _swiglu_square(direction: str, dim: int = -1) -> float:
    return _mean_square(silu, direction)


def _glu_native(z: Tensor, dim: int = -1) -> Tensor:
    halves(z, dim)
    return functional.glu(z, dim)


@register(
    formula="a * sigmoid(b), (a, b) the halves of z along one axis",
    family="gated",
    year=2016,
    reference="Dauphin et al., ICML 2017, arXiv:1612.08083",
    elementwise=False,
    native=_glu_native,
    mean_square=_glu_square,
    nodes=(Node("GluBackward0", "_saved_self"),),
    matches=("torch.nn.GLU", "torch.nn.functional.glu"),
)
def glu(z: Tensor, dim: int = -1) -> Tensor:
    """a sigmoid(b), (a, b) the halves of z along `dim`.

    Args:
        z: floating, an even number of entries on `dim`.
        dim: the axis.

    Returns:
        The shape of z with half the entries on `dim`.

    Raises:
        UsageError: the axis is not there or cannot be halved.
    """
    a, b = halves(z, dim)
    return a * sigmoid(b, exact=True)  # with its slope: torch's cancels


class GLU(ActModule, act=glu):
    """`glu` as a module."""


def _relu_pull(gradient: Tensor, b: Tensor, *, grad_input: Tensor) -> None:
    _aten.threshold_backward.grad_input(gradient, b, 0, grad_input=grad_input)


_Reglu = _lean_function("RelumeReglu", torch.relu, _relu_pull)


@register(
    formula="a * max(0, b), (a, b) the halves of z along one axis",
    family="gated",
    year=2020,
    reference=_SHAZEER,
    elementwise=False,
    native=_native(_Reglu, torch.relu),
    mean_square=_reglu_square,
    nodes=(Node("RelumeRegluBackward", "saved_tensors", parameters=None),),
)
def reglu(z: Tensor, dim: int = -1) -> Tensor:
    """a max(0, b), (a, b) the halves of z along `dim`; arguments as in `glu`."""
    a, b = halves(z, dim)
    return a * relu(b)


class ReGLU(ActModule, act=reglu):
    """`reglu` as a module."""


def _gelu_gate(b: Tensor, approximate: str = "none") -> Tensor:
    return functional.gelu(b, approximate=approximate)


def _gelu_pull(
    gradient: Tensor, b: Tensor, approximate: str = "none", *, grad_input: Tensor
) -> None:
    _aten.gelu_backward.grad_input(gradient, b, approximate=approximate, grad_input=grad_input)


_Geglu = _lean_function("RelumeGeglu", _gelu_gate, _gelu_pull)


@register(
    formula="a * gelu(b), (a, b) the halves of z along one axis",
    family="gated",
    year=2020,
    reference=_SHAZEER,
    elementwise=False,
    native=_native(_Geglu, _gelu_gate),
    mean_square=_geglu_square,
    nodes=(Node("RelumeGegluBackward", "saved_tensors", parameters=None),),
)
def geglu(z: Tensor, dim: int = -1, approximate: str = "none") -> Tensor:
    """a gelu(b), (a, b) the halves of z along `dim`; arguments as in `glu` and `gelu`."""
    a, b = halves(z, dim)
    return a * gelu(b, exact=True, approximate=approximate)


class GEGLU(ActModule, act=geglu):
    """`geglu` as a module."""


_Swiglu = _lean_function("RelumeSwiglu", functional.silu, _aten.silu_backward.grad_input)


@register(
    formula="a * b * sigmoid(b), (a, b) the halves of z along one axis",
    family="gated",
    year=2020,
    reference=_SHAZEER,
    elementwise=False,
    native=_native(_Swiglu, functional.silu),
    mean_square=_swiglu_square,
    nodes=(Node("RelumeSwigluBackward", "saved_tensors", parameters=None),),
)
def swiglu(z: Tensor, dim: int = -1) -> Tensor:
    """a silu(b), (a, b) the halves of z along `dim`; arguments as in `glu`."""
    a, b = halves(z, dim)
    return a * silu(b, exact=True)


class SwiGLU(ActModule, act=swiglu):
    """`swiglu` as a module."""


_GATES = {"glu": sigmoid, "reglu": relu, "geglu": gelu, "swiglu": silu}


@cache
def _scale(gate: Act) -> float:
    """Return the s with s^2 E f(s b)^2 = 1 for a standard normal b."""

    def excess(size: float) -> float:
        def gate_squared(b: Tensor) -> Tensor:
            return torch.square(size * gate.value(size * b, **gate.defaults))

        return normal_mean(gate_squared, gate.kinks_at()) - 1

    from scipy import optimize

    typeless: Any = optimize  # scipy ships partial types
    return float(typeless.brentq(excess, 0.1, 10.0))


class GatedLinear(nn.Module):
    """A layer of gated units: signal and gate by one product.

    Args:
        in_features, out_features: of one unit's input, and how many units.
        gate: ``"glu"``, ``"reglu"``, ``"geglu"`` or ``"swiglu"``.
        bias: whether signal and gate have biases.
        device, dtype: of the parameters.

    Shape:
        (.., in_features) in, (.., out_features) out.

    Attributes:
        linear: `torch.nn.Linear` to 2 * out_features: all signals, then all gates.

    Weights start from N(0, s^2 / in_features), biases at 0, with s such that the mean square of
    the signal is kept: s^2 E f(s b)^2 = 1 for a standard normal b (1.19 for ReGLU). It is not
    `relume.gain`, as a product does not grow in proportion to its weights.

    Raises:
        UsageError: `gate` names no gated unit.

    Example:
        >>> from relume.acts import GatedLinear
        >>> GatedLinear(3, 5, "swiglu")(torch.ones(2, 3)).shape
        torch.Size([2, 5])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        gate: str = "swiglu",
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if gate not in _GATES:
            raise UsageError(f"a gated layer takes one of {', '.join(_GATES)}; got {gate!r}.")
        self.in_features, self.out_features = in_features, out_features
        self.linear = nn.Linear(in_features, 2 * out_features, bias, device, dtype)
        self.act = find_act(gate).module()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights; see the class."""
        std = _scale(_GATES[self.act.act.name]) / max(self.in_features, 1) ** 0.5
        nn.init.normal_(self.linear.weight, std=std)
        if self.linear.bias is not None:  # pyright: ignore[reportUnnecessaryComparison]
            nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return signal times act of the gate."""
        return self.act(self.linear(x))
