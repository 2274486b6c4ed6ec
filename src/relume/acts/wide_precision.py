"""Evaluates an act so that value, slope and curvature are right at every magnitude.

A formula is written once, in a form that does not cancel, and evaluated in a wider type: float64
for float32, float32 for float16 and bfloat16; the result is rounded once. So a slope that is a
small normal number stays one where torch rounds it to zero. float64 stays float64 (there is none
wider), and on devices without float64 float32 stays float32: the formula itself must be sound.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from relume.errors import UsageError

Formula = Callable[..., Tensor]

_WIDER = {
    torch.float16: torch.float32,
    torch.bfloat16: torch.float32,
    torch.float32: torch.float64,
    torch.float64: torch.float64,
}
_NO_FLOAT64 = ("mps",)


def working_type(z: Tensor, *, wide: bool) -> torch.dtype:
    """Return the dtype in which an act of `z` is evaluated.

    Half types always go through float32; `wide` takes float32 to float64 where there is one.

    Raises:
        UsageError: `z` is not a floating tensor.
    """
    wider = _WIDER.get(z.dtype)
    if wider is None:
        raise UsageError(
            f"an act takes a floating tensor, got {z.dtype}; convert it with .float()."
        )
    if z.dtype is torch.float32 and (not wide or z.device.type in _NO_FLOAT64):
        return torch.float32
    return wider


def evaluate(formula: Formula, z: Tensor, values: Mapping[str, Any], *, wide: bool) -> Tensor:
    """Return `formula` of `z` in the working type, rounded once to the dtype of `z`."""
    dtype = working_type(z, wide=wide)
    if dtype is z.dtype:
        return formula(z, **values)
    cast = {name: v.to(dtype) if isinstance(v, Tensor) else v for name, v in values.items()}
    return formula(z.to(dtype), **cast).to(z.dtype)


def derivative(formula: Formula) -> Formula:
    """Return the elementwise derivative of a formula with respect to its first argument."""

    def slope(z: Tensor, **values: Any) -> Tensor:
        def total(at: Tensor) -> Tensor:
            return formula(at, **values).sum()

        return torch.func.grad(total)(z)

    return slope


def node_name(act: str) -> str:
    """Return the node name that the autograd graph has for an act evaluated here."""
    return f"{_class_name(act)}Backward"


def function_class(title: str, forward: Any, backward: Any, setup_context: Any = None) -> Any:
    """Make an autograd function; its node is named `title` and "Backward".

    One with a `setup_context` also works under `torch.func.vmap`.
    """
    words: dict[str, Any] = {"forward": forward, "backward": backward}
    words |= {"setup_context": setup_context} if setup_context is not None else {}
    body: dict[str, Any] = {name: staticmethod(function) for name, function in words.items()}
    body |= {"generate_vmap_rule": setup_context is not None, "__doc__": title}
    return type(title, (Function,), body)


def make_function(
    act: str,
    names: tuple[str, ...],
    value: Formula,
    slope: Formula,
    curvature: Formula | None = None,
) -> Any:
    """Make the autograd function of an act, differentiable twice with explicit formulas.

    Called as ``apply(wide, z, *values)`` with one value for each of `names`; it saves `z` and
    those values that are tensors, nothing else. Beyond the curvature torch differentiates it.
    """
    bend = curvature or derivative(slope)

    def curve(wide: bool, z: Tensor, *values: Any) -> Tensor:
        return evaluate(bend, z, dict(zip(names, values, strict=True)), wide=wide)

    steep = _differentiable(f"{_class_name(act)}Slope", names, slope, curve)

    def rate(wide: bool, z: Tensor, *values: Any) -> Tensor:
        if torch.compiler.is_compiling():  # dynamo follows no Function within a backward, and
            named = dict(zip(names, values, strict=True))  # compiled code has no double backward
            return evaluate(slope, z, named, wide=wide)
        return steep.apply(wide, z, *values)

    return _differentiable(_class_name(act), names, value, rate)


def _class_name(act: str) -> str:
    return "Relume" + "".join(word.capitalize() for word in act.split("_"))


def _differentiable(
    title: str, names: tuple[str, ...], formula: Formula, rate: Callable[..., Tensor]
) -> Any:
    """Make a Function of `formula`; its derivative in z is `rate`, in its tensors a vjp."""

    def forward(wide: bool, z: Tensor, *values: Any) -> Tensor:
        return evaluate(formula, z, dict(zip(names, values, strict=True)), wide=wide)

    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        del output
        ctx.wide, z, *values = inputs
        tensors = [v for v in values if isinstance(v, Tensor)]
        ctx.save_for_backward(z, *tensors)
        constants = [... if isinstance(v, Tensor) else v for v in values]  # None is a value
        ctx.relume = dict(zip(names, constants, strict=True))

    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        z, *tensors = ctx.saved_tensors
        rest = iter(tensors)
        values = [next(rest) if v is ... else v for v in ctx.relume.values()]
        into = gradient * rate(ctx.wide, z, *values) if ctx.needs_input_grad[1] else None
        gradients: list[Any] = [None, into]
        for place in range(len(names)):
            wanted = ctx.needs_input_grad[place + 2]
            gradients.append(_partial(place, gradient, ctx.wide, z, values) if wanted else None)
        return tuple(gradients)

    def _partial(place: int, gradient: Tensor, wide: bool, z: Tensor, values: list[Any]) -> Tensor:
        dtype = working_type(z, wide=wide)
        cast = {
            n: v.to(dtype) if isinstance(v, Tensor) else v
            for n, v in zip(names, values, strict=True)
        }
        one = names[place]

        def along(value: Tensor) -> Tensor:
            return formula(z.to(dtype), **{**cast, one: value})

        pull: Any = torch.func.vjp(along, cast[one])[1]
        return pull(gradient.to(dtype))[0].to(values[place].dtype)

    return function_class(title, forward, backward, setup_context)
