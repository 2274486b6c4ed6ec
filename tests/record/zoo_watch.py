"""Runs an entry of the zoo, watched and plain, and says what is left of the watching."""

import inspect
import random
from pathlib import Path
from typing import Any

import torch
from torch.amp.grad_scaler import GradScaler
from torch.nn.modules import module as hooks
from torch.optim import optimizer as optim_hooks
from zoo_kinds import Entry, Training

import relume
from relume.core import Trace

STEPS = 12


def built(entry: Entry) -> Training:
    torch.manual_seed(0)
    random.seed(0)
    return entry.build()


def recorded(entry: Entry, path: Path, steps: int = STEPS, **options: Any) -> tuple[Any, Trace]:
    """Losses, weights and random state of a watched training, and what was recorded."""
    training = built(entry)
    torch.manual_seed(1)
    with relume.watch(*training.models, path=path, **{"every": 1, **options}) as run:
        losses = [training.step() for _ in range(steps)]
    assert run.problems == ()
    return state(losses, training), relume.load(path).trace()


def plain(entry: Entry, steps: int = STEPS) -> Any:
    training = built(entry)
    torch.manual_seed(1)
    return state([training.step() for _ in range(steps)], training)


def state(losses: list[float], training: Training) -> Any:
    weights = [p.detach().clone() for model in training.models for p in model.parameters()]
    buffers = [b.detach().clone() for model in training.models for b in model.buffers()]
    return losses, [t.numpy().tobytes() for t in weights + buffers], torch.get_rng_state().tolist()


def left_in_torch() -> list[str]:
    """Everything that recording may put into torch, as far as it is there now."""
    tables = {
        "forward pre": hooks._global_forward_pre_hooks,
        "forward": hooks._global_forward_hooks,
        "optimizer pre": optim_hooks._global_optimizer_pre_hooks,
        "optimizer post": optim_hooks._global_optimizer_post_hooks,
        "function modes": torch._C._len_torch_function_stack() * [1],
        "anomaly": [1] * torch.is_anomaly_enabled(),
    }
    for function in (
        torch.autograd.backward,
        torch.autograd.grad,
        GradScaler.scale,
        GradScaler.update,
        torch.compile,
    ):
        plain = inspect.unwrap(function)
        inserted = any(name.startswith("__relume_") for name in plain.__code__.co_names)
        tables[plain.__name__] = [1] * (inserted or hasattr(function, "__wrapped__"))
    return [name for name, table in tables.items() if table]
