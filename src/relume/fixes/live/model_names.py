"""Which model is being called, and what its parts are called in a recording."""

import sys
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter
from torch.utils._pytree import tree_map

_WRAPPERS = ("DistributedDataParallel", "DataParallel", "FullyShardedDataParallel")
_WRAPPED = frozenset(
    {"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_flat_param_wrapped"}
)


@dataclass(frozen=True, slots=True)
class SiteName:
    """A recorded site's name in its parts: the module's path, the act, which call of it.

    `act` is empty where the module itself is the act.
    """

    path: str
    act: str
    index: int

    @classmethod
    def read(cls, name: str) -> "SiteName":
        """``"block.relu()#2"`` in its parts."""
        stem, _, number = name.rstrip("'").partition("#")
        index = int(number) - 1 if number.isdigit() else 0
        if not stem.endswith("()"):
            return cls(stem, "", index)
        path, _, act = stem[:-2].rpartition(".")
        return cls(path, act, index)


class LiveModel:
    """A model as the user's code calls it; it is not kept alive.

    Attributes:
        name: the variable that holds it: a recording of several models puts it before the paths.
        call: runs the forward once more, on copies of its inputs; only while one is about to run.
        called: the module whose forward that is, the root or a part of it.
        copied: it is a copy of a model that was met before: parts and hooks came with it.
    """

    def __init__(self, root: nn.Module, name: str = "") -> None:
        self.name = name
        self.call: Callable[[], Any] | None = None
        self.called: nn.Module | None = None
        self.copied, self.marked = False, False
        self._root = weakref.ref(root)
        self._names: dict[int, str] = {}
        self._known: set[str] = set()
        self.refresh()

    @property
    def root(self) -> nn.Module:
        """The outermost module, without torch's wrappers."""
        root = self._root()
        assert root is not None  # asked only while it is being called
        return root

    @property
    def alive(self) -> bool:
        """Whether the program still has it."""
        return self._root() is not None

    def parts(self) -> dict[str, nn.Module]:
        """Its modules by qualified name, a shared one under each of its names."""
        return {plain_path(path): part for path, part in _named(self.root)}

    def refresh(self) -> None:
        """Read the names anew, after a part was put in or taken out."""
        parts = self.parts()
        self._known = set(parts)
        self._names = {}
        for path, part in parts.items():
            self._names.setdefault(id(part), path)

    def trains(self) -> bool:
        """Whether it is in training mode and has something to learn."""
        return self.root.training and any(p.requires_grad for p in self.root.parameters())

    def lazy(self) -> bool:
        """Whether some weights come into being only in the first forward."""
        every = (*self.root.parameters(), *self.root.buffers())
        return any(isinstance(one, UninitializedParameter | UninitializedBuffer) for one in every)

    def module(self, path: str) -> nn.Module | None:
        """The part that a recording calls so, or None."""
        own = self.local(path)
        return None if own is None else self.parts().get(own)

    def local(self, path: str) -> str | None:
        """A recorded path as this model counts it; None if it belongs to another."""
        if path in self._known:
            return path
        first, _, rest = path.partition(".")
        if self.name and first != self.name:
            return None
        return rest if rest in self._known else None

    def path_of(self, module: nn.Module) -> str:
        """The module's qualified name, ``""`` for the root and for what is no part of it."""
        return self._names.get(id(module), "")

    def holds(self, module: nn.Module) -> bool:
        """Whether it is a part of this model."""
        return id(module) in self._names

    @contextmanager
    def about_to_run(self, module: nn.Module, call: Callable[[], Any]) -> Generator[None]:
        """While it lasts, `call` runs the forward that is about to begin once more."""
        self.called, self.call = module, call
        try:
            yield
        finally:
            self.called, self.call = None, None


class LiveModels:
    """The models that the user's code has called, each once."""

    def __init__(self) -> None:
        self._met: list[LiveModel] = []
        self._of: dict[int, tuple[weakref.ref[nn.Module], LiveModel | None]] = {}

    @property
    def met(self) -> list[LiveModel]:
        """Those that are still alive."""
        self._met = [model for model in self._met if model.alive]
        return self._met

    def meet(self, module: nn.Module) -> LiveModel | None:
        """The model that this module is or belongs to; None for one without parameters (a loss)."""
        known = self._of.get(id(module))
        if known is not None and known[0]() is module:
            return known[1]
        model = self._new(module)
        self._of[id(module)] = weakref.ref(module), model
        return model

    def _new(self, module: nn.Module) -> LiveModel | None:
        root, name = _name_in_program(module)
        root = unwrap(root)
        for model in self.met:
            if model.root is root:
                return model
        if not any(True for _ in root.parameters()):
            return None
        model = LiveModel(root, name)
        self._met.append(model)
        return model


def copy_value(given: Any) -> Any:
    """The inputs of a forward, tensors as copies: it may write into them."""
    return tree_map(_copy, given)


def _copy(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value


def unwrap(module: nn.Module) -> nn.Module:
    """What torch's wrappers hold, however many there are."""
    while True:
        inner = getattr(module, "_orig_mod", None)
        if inner is None and type(module).__name__ in _WRAPPERS:
            inner = getattr(module, "module", None)
        if not isinstance(inner, nn.Module):
            return module
        module = inner


def plain_path(path: str) -> str:
    """A qualified name without what torch's wrappers add to it."""
    return ".".join(part for part in path.split(".") if part not in _WRAPPED)


def _named(module: nn.Module) -> list[tuple[str, nn.Module]]:
    walk: Any = module.named_modules
    return list(walk(remove_duplicate=False))


_TORCH = torch.__file__.rpartition("/")[0] + "/"
_OURS = __file__.rpartition("/")[0].rpartition("/")[0] + "/"


def _name_in_program(module: nn.Module) -> tuple[nn.Module, str]:
    """The outermost model that holds `module`, and the variable that holds that model.

    Looked for in the variables of the user's frames, nearest first, as the recording does.
    """
    found, frame = (module, ""), sys._getframe(1)
    while frame is not None:
        if not frame.f_code.co_filename.startswith((_TORCH, _OURS)):
            for name, value in _modules_in(frame):
                if value is module:
                    return module, name
                if any(part is module for part in value.modules()):
                    return value, name
        frame = frame.f_back
    return found


def _modules_in(frame: FrameType) -> list[tuple[str, nn.Module]]:
    variables = {**frame.f_globals, **frame.f_locals}
    holder = frame.f_locals.get("self")
    if holder is not None and not isinstance(holder, nn.Module):
        variables.update(getattr(holder, "__dict__", {}))  # a trainer that holds the model
    held = [(name, value) for name, value in variables.items() if isinstance(value, nn.Module)]
    return sorted(held, key=lambda pair: -sum(1 for _ in pair[1].modules()))
