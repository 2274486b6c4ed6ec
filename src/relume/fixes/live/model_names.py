"""Finds the model that is called, and its parts by their names in a recording.

The names are those of `instrument/module_names.py`, as in a recording.
"""

import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from relume.instrument.module_names import holder_of, keras_path, plain_path, unwrap
from relume.instrument.preserve_state import has_lazy_parts
from relume.instrument.private_names import tree_map


class LiveModel:
    """A model that the user's code calls, held by a weak reference.

    Attributes:
        name: the variable that holds it; a recording of several models prefixes the paths with it.
        call: runs the forward on copies of its inputs; set only while a forward is about to run.
        called: the module whose forward is about to run: the root or a part of it.
        copied: whether it is a copy of an edited model, which already has its parts and hooks.
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
        assert root is not None  # used only while the model is called
        return root

    @property
    def alive(self) -> bool:
        """Whether the program still holds the model."""
        return self._root() is not None

    def parts(self) -> dict[str, nn.Module]:
        """Return its modules by qualified name, a shared one under each of its names."""
        walk: Any = self.root.named_modules
        return {
            keras_path(part) or plain_path(path): part
            for path, part in walk(remove_duplicate=False)
        }

    def refresh(self) -> None:
        """Read the names again after a part was added or removed."""
        parts = self.parts()
        self._known = set(parts)
        self._names = {}
        for path, part in parts.items():
            self._names.setdefault(id(part), path)

    def trains(self) -> bool:
        """Whether it is in training mode and has a trainable parameter."""
        return self.root.training and any(p.requires_grad for p in self.root.parameters())

    def lazy(self) -> bool:
        """Whether its first forward makes some of its weights."""
        return has_lazy_parts(self.root)

    def module(self, path: str) -> nn.Module | None:
        """Return the part with this name in a recording, or None."""
        own = self.local(path)
        return None if own is None else self.parts().get(own)

    def local(self, path: str) -> str | None:
        """Translate a recorded path to one of this model; None if it belongs to another model."""
        if path in self._known:
            return path
        first, _, rest = path.partition(".")
        if self.name and first != self.name:
            return None
        return rest if rest in self._known else None

    def path_of(self, module: nn.Module) -> str:
        """Return the module's qualified name; ``""`` for the root and for what is no part of it."""
        return self._names.get(id(module)) or keras_path(module)

    def holds(self, module: nn.Module) -> bool:
        """Whether it is a part of this model."""
        return id(module) in self._names

    @contextmanager
    def about_to_run(self, module: nn.Module, call: Callable[[], Any]) -> Generator[None]:
        """Set `call`, with which an edit can run the coming forward on copies, meanwhile."""
        self.called, self.call = module, call
        try:
            yield
        finally:
            self.called, self.call = None, None


class LiveModels:
    """Collects the models that the user's code calls, each once."""

    def __init__(self) -> None:
        self._models: list[LiveModel] = []
        self._of: dict[int, tuple[weakref.ref[nn.Module], LiveModel | None]] = {}

    @property
    def alive(self) -> list[LiveModel]:
        """The models that the program still holds."""
        self._models = [model for model in self._models if model.alive]
        return self._models

    def model_of(self, module: nn.Module) -> LiveModel | None:
        """Return the model of this module; None for one without parameters (a loss)."""
        known = self._of.get(id(module))
        if known is not None and known[0]() is module:
            return known[1]
        model = self._new(module)
        self._of[id(module)] = weakref.ref(module), model
        return model

    def _new(self, module: nn.Module) -> LiveModel | None:
        root, name = holder_of(module)
        while (inner := unwrap(root)) is not root:
            root = inner
        for model in self.alive:
            if model.root is root:
                return model
        if not any(True for _ in root.parameters()):
            return None
        model = LiveModel(root, name)
        self._models.append(model)
        return model


def copy_value(inputs: Any) -> Any:
    """Copy the tensors among the inputs of a forward, which may write into them."""
    return tree_map(_copy, inputs)


def _copy(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value
