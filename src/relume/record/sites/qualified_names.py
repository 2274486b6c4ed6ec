"""Gives the modules and parameters of a recording their qualified names.

Roots (modules called from the user's own code) are found by their calls. A root's name is the
variable that holds it (`instrument/module_names.py`); it is left out where there is one model.
"""

import weakref
from typing import Any

import torch
from torch import nn

from relume.instrument.module_names import (
    KERAS_TABLE,
    holder_of,
    keras_path,
    own_name,
    plain_path,
    unwrap,
)
from relume.instrument.module_names import is_user_code as is_user_code


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
        root, name = holder_of(module)
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
        return self._paths.setdefault(id(module), own_name(module))

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
            own = keras_path(module)
            self._paths.setdefault(id(module), own or (f"{dot}{path}" if path else prefix))
        for path, parameter in root.named_parameters():
            before = "" if KERAS_TABLE in path else dot  # Keras' path is complete
            self._parameters.setdefault(id(parameter), f"{before}{plain_path(path)}")
