"""Restores all that a forward and a backward pass change in a model.

A pass changes more than gradients: batch norm's running statistics, spectral norm's vectors, the
random state, counters and caches in a module's attributes. All of that is saved before and restored
after, also where the pass fails.
"""

import random
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, is_lazy

from relume.instrument.private_names import global_hook_tables


def has_lazy_parts(model: nn.Module) -> bool:
    """Whether some parameter gets its shape and values from the first forward only."""
    return any(is_lazy(tensor) for tensor in (*model.parameters(), *model.buffers()))


@contextmanager
def preserve_state(*modules: nn.Module) -> Generator[None]:
    """Restore `modules` and the random state when the block ends, also by an exception.

    Within it every floating parameter requires a gradient, so that frozen parts are recorded too;
    earlier gradients are set aside.
    """
    parts = list({id(m): m for module in modules for m in module.modules()}.values())
    every = {id(p): p for m in modules for p in m.parameters()}.values()
    parameters = [p for p in every if not is_lazy(p)]  # a lazy one has nothing to save
    restore = [*(_module(m) for m in parts), *(_parameter(p) for p in parameters)]
    with preserve_random_state():
        try:
            for parameter in parameters:
                parameter.grad = None
                if parameter.is_floating_point() or parameter.is_complex():
                    parameter.requires_grad_(True)
            yield
        finally:
            for put_back in reversed(restore):
                put_back()


def _parameter(parameter: Tensor) -> Callable[[], None]:
    """Save a parameter's values, which a forward may clamp, and the object that is its gradient."""
    grad, wanted, data = parameter.grad, parameter.requires_grad, parameter.data
    copy = data.clone()

    def put_back() -> None:
        parameter.requires_grad_(wanted)
        parameter.grad = grad
        data.copy_(copy)
        parameter.data = data

    return put_back


def _module(module: nn.Module) -> Callable[[], None]:
    """Save a module's attributes, and the contents of those that can change in place."""
    own = module.__dict__
    names = dict(own)
    inside = [_contents(value) for value in own.values()]
    buffers = [
        (buffer, buffer.detach().clone())
        for buffer in own["_buffers"].values()
        if buffer is not None
    ]

    def put_back() -> None:
        own.clear()
        own.update(names)
        for refill in inside:
            refill()
        with torch.no_grad():
            for buffer, copy in buffers:
                buffer.copy_(copy)

    return put_back


def _contents(value: Any) -> Callable[[], None]:
    if isinstance(value, Tensor) and not isinstance(value, nn.Parameter | UninitializedBuffer):
        return _tensor(value)
    if isinstance(value, dict):
        return _refill(value, dict(value), value.update)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    if isinstance(value, list | deque):
        return _refill(value, list(value), value.extend)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    if isinstance(value, set):
        return _refill(value, set(value), value.update)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    return _nothing


def _tensor(value: Tensor) -> Callable[[], None]:
    copy = value.detach().clone()

    def put_back() -> None:
        with torch.no_grad():
            value.detach().copy_(copy)

    return put_back


def _refill(box: Any, copy: Any, fill: Callable[[Any], Any]) -> Callable[[], None]:
    def put_back() -> None:
        box.clear()
        fill(copy)

    return put_back


def _nothing() -> None:
    """Stands for a value that cannot change in place."""


@contextmanager
def preserve_buffers(root: nn.Module) -> Generator[None]:
    """Restore buffers, modes and the random state when the block ends; weights stay changed."""
    buffers = [
        (part, name, value, value.detach().clone())
        for part in root.modules()
        for name, value in part._buffers.items()
        if value is not None
    ]
    modes = [(part, part.training) for part in root.modules()]
    with preserve_random_state():
        try:
            yield
        finally:
            with torch.no_grad():
                for part, name, value, before in buffers:
                    if not torch.equal(value, before):
                        value.copy_(before)
                    part._buffers[name] = value
            for part, mode in modes:
                part.training = mode


@contextmanager
def preserve_random_state() -> Generator[None]:
    """Restore the random state of torch on every device in use, of Python and of NumPy."""
    own, python = torch.get_rng_state(), random.getstate()
    legacy = np.random.get_state()
    on_cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        torch.set_rng_state(own)
        random.setstate(python)
        np.random.set_state(legacy)
        if on_cuda is not None:
            torch.cuda.set_rng_state_all(on_cuda)


@contextmanager
def without_global_hooks() -> Generator[None]:
    """Remove torch's global module hooks while the block runs: no recorder sees its forwards."""
    tables = global_hook_tables()
    hooks = [dict(table) for table in tables]
    for table in tables:
        table.clear()
    try:
        yield
    finally:
        for table, before in zip(tables, hooks, strict=True):
            table.update(before)
