"""Names models and their parts as the user's program does.

A model that is called from the user's own code is named by the variable that holds it. torch's
wrappers (data parallel, compiled, checkpointed) pass their name on to the module inside. A
recording and an edit of the same program take their names from here, so that an edit finds the
modules of the sites that a recording names.
"""

import os
import sys
import sysconfig
from functools import cache
from pathlib import Path
from types import FrameType

import torch
from torch import nn

_RELUME = os.path.realpath(Path(__file__).parents[1]) + os.sep
_DEMOS = _RELUME + "demos" + os.sep  # shipped with relume, run as a user's script
_TORCH = os.path.realpath(Path(torch.__file__).parent) + os.sep
_PYTHON = os.path.realpath(sysconfig.get_path("stdlib")) + os.sep
_SCRIPTS = os.path.realpath(sysconfig.get_path("scripts")) + os.sep  # of installed packages
_INSTALLED = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)

# Attributes in which torch's wrappers hold the wrapped module: no part of a name.
_WRAPPED = frozenset(
    {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_flat_param_wrapped"}
)
_WRAPPERS = frozenset({"DistributedDataParallel", "DataParallel", "FullyShardedDataParallel"})
KERAS_TABLE = "_torch_params."
"""Keras' table of a layer's parameters, by their own paths."""


@cache  # called for every frame of every node on the first records, and there are few files
def is_user_code(file: str) -> bool:
    """Whether a source file is the user's own.

    Files of Python, of relume and of installed packages, and generated ones, are not. Links are
    followed: a frame names its file by the path it was reached by, which may be a link (a virtual
    environment's, say).
    """
    real = os.path.realpath(file)
    if real.startswith(_DEMOS):
        return True
    installed = any(part in real for part in _INSTALLED) or real.startswith(_SCRIPTS)
    return not installed and _may_hold_model(file)


@cache
def _may_hold_model(file: str) -> bool:
    """Whether code in a file may hold a model and call it: the user's, or a trainer's."""
    if file.startswith(("<frozen", "<eval_with_key")):
        return False
    real = os.path.realpath(file)
    if real.startswith(_DEMOS):
        return True
    if real.startswith((_RELUME, _TORCH)):
        return False
    return not real.startswith(_PYTHON) or any(part in real for part in _INSTALLED)


def user_frame(frame: FrameType | None) -> FrameType | None:
    """Return the nearest frame at or above `frame` that runs the user's own code."""
    while frame is not None and not is_user_code(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def _holding_frame(frame: FrameType | None) -> FrameType | None:
    """Return the nearest frame at or above `frame` that may hold a model."""
    while frame is not None and not _may_hold_model(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def unwrap(module: nn.Module) -> nn.Module:
    """Return the module inside one of torch's wrappers; the module itself if it is no wrapper."""
    inner = getattr(module, "_orig_mod", None)
    if inner is None and type(module).__name__ in _WRAPPERS:
        inner = getattr(module, "module", None)
    return inner if isinstance(inner, nn.Module) else module


def own_name(module: nn.Module) -> str:
    """Return a name for a module that no root holds: Keras' path of the layer, or its class."""
    return keras_path(module) or type(module).__name__.lower()


def keras_path(module: nn.Module) -> str:
    """Return the path that a Keras layer keeps, its name before it is built; ``""`` for others.

    `named_modules` does not list Keras' layers.
    """
    if not str(getattr(module, "_api_export_path", "")).startswith("keras."):
        return ""
    known = [getattr(module, name, None) for name in ("path", "name")]
    return next((path.replace("/", ".") for path in known if isinstance(path, str)), "")


def plain_path(path: str) -> str:
    """Return a qualified name without the parts that torch's wrappers and Keras' table add."""
    _, keras, tail = path.rpartition(KERAS_TABLE)
    if keras:
        return tail.replace("/", ".")
    return ".".join(part for part in path.split(".") if part not in _WRAPPED)


def holder_of(module: nn.Module) -> tuple[nn.Module, str]:
    """Return the outermost model that holds `module`, and the variable that holds that model.

    The variables of the callers' frames are searched, nearest first.
    """
    holder = (module, own_name(module))
    frame = _holding_frame(sys._getframe(1))
    while frame is not None:
        for name, value in _modules_in(frame):
            if value is module or any(part is module for part in value.modules()):
                if name != "self":
                    return value, name
                # a method of the model: `self` is no name, but may be the larger model
                holder = (value, own_name(value))
        frame = _holding_frame(frame.f_back)
    return holder


def _modules_in(frame: FrameType) -> list[tuple[str, nn.Module]]:
    variables = {**frame.f_globals, **frame.f_locals}
    holder = frame.f_locals.get("self")
    if holder is not None and not isinstance(holder, nn.Module):
        variables.update(getattr(holder, "__dict__", {}))  # a trainer that holds the model
    modules = [(name, value) for name, value in variables.items() if isinstance(value, nn.Module)]
    # The larger model first: `model` rather than `model.encoder` in another variable.
    return sorted(modules, key=lambda pair: -sum(1 for _ in pair[1].modules()))
