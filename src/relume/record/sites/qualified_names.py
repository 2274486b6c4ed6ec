"""Names modules and parameters.

Roots (modules called from the user's own code) are found by their calls. A root's name is the
variable that holds it; it is left out where there is one model. torch's wrappers (data parallel,
compiled, checkpointed) pass their name on to the module inside.
"""

import os
import sys
import sysconfig
import weakref
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import nn

_RELUME = os.path.realpath(Path(__file__).parents[2]) + os.sep
_DEMOS = _RELUME + "demos" + os.sep  # shipped with relume, run as a user's script
_TORCH = os.path.realpath(Path(torch.__file__).parent) + os.sep
_PYTHON = os.path.realpath(sysconfig.get_path("stdlib")) + os.sep
_SCRIPTS = os.path.realpath(sysconfig.get_path("scripts")) + os.sep  # of installed packages
_INSTALLED = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)

# Attributes in which torch's wrappers hold the wrapped module: no part of a name.
_WRAPPED = frozenset(
    {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_flat_param_wrapped"}
)
_KERAS = "_torch_params."  # Keras' table of a layer's parameters, by their own paths
_WRAPPERS = frozenset({"DistributedDataParallel", "DataParallel", "FullyShardedDataParallel"})


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


class QualifiedNames:
    """Gives modules and parameters their qualified names.

    Args:
        models: the models to name; if there are none, roots are found as they are called.

    Attributes:
        explicit: the models were passed, and no other model is recorded.
        version: counts how often the names were rebuilt; a rebuild may change them.
    """

    def __init__(self, models: tuple[nn.Module, ...] = ()) -> None:
        self.explicit = bool(models)
        self._roots: list[tuple[weakref.ref[nn.Module], str]] = []
        self._paths: dict[int, str] = {}
        self._parameters: dict[int, str | None] = {}
        self._stale = True
        self._unprefixed: weakref.ref[nn.Module] | None = None  # the model without a prefix
        self.version = 0
        for index, model in enumerate(models):
            self._roots.append((weakref.ref(model), "" if len(models) == 1 else str(index)))

    def add_root(self, module: nn.Module) -> None:
        """Add a module that was called from outside any other, with its variable's name."""
        if self.explicit or id(module) in self._paths or self._is_root(module):
            return
        root, name = _holder_of(module, _holding_frame(sys._getframe(1)))
        if not self._is_root(root):
            self._roots.append((weakref.ref(root), name))
        self._stale = True

    def fix_prefixes(self) -> None:
        """Fix the names before they are written.

        A model that is alone at that time keeps its names without a prefix, even if other models
        are called later (a GAN's discriminator may see real data first).
        """
        if self._stale:
            self._rebuild()
        if self._unprefixed is None or self._unprefixed() is None:
            alone = self._alone()
            self._unprefixed = None if alone is None else weakref.ref(alone)

    def _alone(self) -> nn.Module | None:
        """Return the only model with parameters, if there is one and it was found by its call."""
        models = [root for root in self.roots() if next(root.parameters(), None) is not None]
        return models[0] if len(models) == 1 and not self.explicit else None

    def roots(self) -> list[nn.Module]:
        """Return the roots that are still alive."""
        return [root for ref, _ in self._roots if (root := ref()) is not None]

    def path(self, module: nn.Module | None) -> str:
        """Return the module's qualified name; ``""`` for the root, and for None."""
        if module is None:
            return ""
        if self._stale or id(module) not in self._paths:
            self._rebuild()
        return self._paths.setdefault(id(module), _own_name(module))

    def parameter(self, parameter: torch.Tensor) -> str | None:
        """Return the parameter's qualified name, or None if no root holds it."""
        return self.by_id(id(parameter))

    def by_id(self, number: int) -> str | None:
        """Return the qualified name of the parameter with this id, or None if no root holds it."""
        if self._stale or number not in self._parameters:
            self._rebuild()
        return self._parameters.setdefault(number, None)

    def holds(self, module: nn.Module) -> bool:
        """Whether one of the roots holds this module."""
        return any(part is module for root in self.roots() for part in root.modules())

    def _is_root(self, module: nn.Module) -> bool:
        return any(ref() is module for ref, _ in self._roots)

    def _rebuild(self) -> None:
        self._roots = [(ref, name) for ref, name in self._roots if ref() is not None]
        self._paths, self._parameters, self._stale = {}, {}, False
        self.version += 1
        unprefixed = self._unprefixed() if self._unprefixed is not None else None
        alone = self._alone() if unprefixed is None else unprefixed
        for ref, name in self._roots:
            root = ref()
            if root is not None:
                self._name_root(root, "" if root is alone else name)

    def _name_root(self, root: Any, prefix: str) -> None:
        dot = f"{prefix}." if prefix else ""
        while (inner := unwrap(root)) is not root:
            self._paths.setdefault(id(root), prefix)
            root = inner
        for long, module in root.named_modules():
            path = plain_path(long)
            own = _keras_path(module)
            self._paths.setdefault(id(module), own or (f"{dot}{path}" if path else prefix))
        for path, parameter in root.named_parameters():
            before = "" if _KERAS in path else dot  # Keras' path is complete
            self._parameters.setdefault(id(parameter), f"{before}{plain_path(path)}")


def unwrap(module: nn.Module) -> nn.Module:
    """Return the module inside one of torch's wrappers; the module itself if it is no wrapper."""
    inner = getattr(module, "_orig_mod", None)
    if inner is None and type(module).__name__ in _WRAPPERS:
        inner = getattr(module, "module", None)
    return inner if isinstance(inner, nn.Module) else module


def _own_name(module: nn.Module) -> str:
    """Return a name for a module that no root holds: Keras' path of the layer, or its class."""
    return _keras_path(module) or type(module).__name__.lower()


def _keras_path(module: nn.Module) -> str:
    """Return the path that a Keras layer keeps, its name before it is built; ``""`` for others.

    `named_modules` does not list Keras' layers.
    """
    if not str(getattr(module, "_api_export_path", "")).startswith("keras."):
        return ""
    known = [getattr(module, name, None) for name in ("path", "name")]
    return next((path.replace("/", ".") for path in known if isinstance(path, str)), "")


def plain_path(path: str) -> str:
    """Return a qualified name without the parts that torch's wrappers and Keras' table add."""
    _, keras, tail = path.rpartition(_KERAS)
    if keras:
        return tail.replace("/", ".")
    return ".".join(part for part in path.split(".") if part not in _WRAPPED)


def _holder_of(module: nn.Module, frame: FrameType | None) -> tuple[nn.Module, str]:
    """Return the outermost model that holds `module`, and the variable that holds that model."""
    holder = (module, _own_name(module))
    while frame is not None:
        for name, value in _modules_in(frame):
            if value is module or any(part is module for part in value.modules()):
                if name != "self":
                    return value, name
                # a method of the model: `self` is no name, but may be the larger model
                holder = (value, _own_name(value))
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
