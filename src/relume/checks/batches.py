"""Turns tensors, tuples, mappings and data loaders into a model's arguments and a target."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from relume.errors import UsageError

TARGETS = ("target", "targets", "label", "labels", "y")
"""Names under which a batch holds its target."""
ENOUGH_BATCHES, ENOUGH_ROWS = 8, 3000  # what ACT401 asks before a unit is called dead
MOST_BATCHES = 256  # of tiny batches; more would change no finding


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch: positional and named arguments of the model, the target, the number of rows."""

    args: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict[str, Any])
    target: Any = None
    rows: int = 1


def make_batches(
    model: nn.Module, batch: Any, target: Any = None, *, has_criterion: bool = False
) -> Iterator[Batch]:
    """Yield the batches to check, as many as the rules need and no more.

    Args:
        model: says by its signature whether the last of a tuple is an argument or a target.
        batch: a tensor or array; a tuple or list of them, whose last is the target where there is
            a criterion or the model takes one less; a mapping of named arguments; or anything
            else that yields such batches, as a data loader does.
        target: the target, if it is not in the batch.
        has_criterion: there is a criterion, so the last of a tuple is its target.

    Raises:
        UsageError: it is nothing that a model could take.
    """
    if isinstance(batch, Tensor | np.ndarray | Mapping | tuple | list):
        several: Iterable[Any] = [batch]
    elif isinstance(batch, Iterable) and not isinstance(batch, str | bytes):
        several = cast("Iterable[Any]", batch)
    else:
        kind = type(batch).__name__
        raise UsageError(
            f"a batch of type {kind} was given; a tensor, a tuple, a mapping or a data loader was "
            "expected."
        )
    count = rows = 0
    for each in several:
        made = _as_batch(model, each, target, has_criterion=has_criterion)
        yield made
        count, rows = count + 1, rows + made.rows
        if (count >= ENOUGH_BATCHES and rows >= ENOUGH_ROWS) or count >= MOST_BATCHES:
            return
    if not count:
        raise UsageError("the data held no batch; one was expected.")


def _as_batch(model: nn.Module, batch: Any, target: Any, *, has_criterion: bool) -> Batch:
    whole = _tensors(batch)
    if isinstance(whole, Mapping):
        named = {str(key): value for key, value in cast("Mapping[Any, Any]", whole).items()}
        accepts = _accepts(model)
        apart = [k for k in named if k.lower() in TARGETS and not (accepts and accepts(k))]
        answer = named.pop(apart[0]) if apart and target is None else target
        inputs = [named.pop(key) for key in ("x", "input", "inputs") if accepts and key in named]
        inputs = [value for value in inputs if value is not None]
        return Batch(tuple(inputs), named, _tensors(answer), _rows([*inputs, *named.values()]))
    if isinstance(whole, tuple | list):
        parts = list(cast("Sequence[Any]", whole))
        if (
            target is None
            and len(parts) > 1
            and (has_criterion or len(parts) > _max_positional(model))
        ):
            return Batch(tuple(parts[:-1]), {}, parts[-1], _rows(parts))
        return Batch(tuple(parts), {}, _tensors(target), _rows(parts))
    if not isinstance(whole, Tensor):
        raise UsageError(f"a batch holds {type(whole).__name__}; tensors were expected.")
    return Batch((whole,), {}, _tensors(target), _rows([whole]))


def _tensors(value: Any) -> Any:
    """Return copies, since a forward may change its input in place and a backward pass fills
    gradients; arrays become what a data loader gives, floats in torch's default type."""
    if isinstance(value, Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[Any, Any]", value).items()
        return {key: _tensors(item) for key, item in pairs}
    if isinstance(value, np.ndarray):
        array = cast("np.ndarray[Any, Any]", value)
        if array.dtype.kind not in "biuf":
            raise UsageError(f"an array of {array.dtype} was given; numbers were expected.")
        tensor = torch.from_numpy(np.array(array))  # a copy: the array may be read-only
        return tensor.to(torch.get_default_dtype()) if tensor.is_floating_point() else tensor
    if isinstance(value, tuple | list) and not hasattr(cast("Any", value), "_fields"):
        return [_tensors(item) for item in cast("Sequence[Any]", value)]
    return cast("Any", value)


def _rows(values: Sequence[Any]) -> int:
    first = next((v for v in values if isinstance(v, Tensor) and v.dim() > 0), None)
    return 1 if first is None else int(first.shape[0])


def _parameters(model: nn.Module) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(model.forward).parameters.values())
    except (TypeError, ValueError):  # a forward written in C, or scripted
        return []


def _max_positional(model: nn.Module) -> int:
    """Return how many positional arguments the model takes at most; one if it does not say."""
    known = _parameters(model)
    if any(p.kind is p.VAR_POSITIONAL for p in known):
        return 100
    needed = [p for p in known if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    return max(1, len(needed))


def _accepts(model: nn.Module) -> Callable[[str], bool] | None:
    """Return a test of whether the model takes an argument of that name."""
    known = _parameters(model)
    names = {p.name for p in known}
    every = any(p.kind is p.VAR_KEYWORD for p in known)
    return lambda name: every or name in names


def differentiable_outputs(value: Any) -> list[Tensor]:
    """Return the floating tensors in a model's output, in its order, that a gradient can reach."""
    if isinstance(value, Tensor):
        return [value] if value.is_floating_point() and value.grad_fn is not None else []
    if isinstance(value, Mapping):
        value = list(cast("Mapping[Any, Any]", value).values())
    if isinstance(value, tuple | list):
        return list(
            chain.from_iterable(differentiable_outputs(v) for v in cast("Sequence[Any]", value))
        )
    return []
