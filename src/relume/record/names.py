"""Which module a call belongs to, and what that module is called.

While a step is recorded, two global module hooks note the autograd sequence number at every
entry and exit. A node of the graph belongs to the innermost module that was open when its number
was given out. Roots (modules called from the user's own code) are found by their calls; their
names are the variables that hold them, and left out where there is one model.
"""

import sys
import weakref
from bisect import bisect_right
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import nn

_OURS = str(Path(__file__).resolve().parents[1])
_DEMOS = str(Path(_OURS) / "demos")  # shipped with us, run as a user's script
_TORCH = str(Path(torch.__file__).resolve().parent)

_top_hooks: Any = getattr(torch._C, "_autograd")._top_saved_tensors_default_hooks  # noqa: B009
sequence_number: Any = torch.autograd._get_sequence_nr  # private: tested in tests/record


def is_users(file: str) -> bool:
    """Whether a source file is the user's: neither torch's, nor ours, nor generated."""
    if file.startswith(_DEMOS):
        return True
    return not file.startswith((_OURS, _TORCH, "<frozen", "<eval_with_key"))


def foreign(frame: FrameType | None) -> FrameType | None:
    """The nearest frame at or above `frame` that runs the user's code."""
    while frame is not None and not is_users(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


class Marks:
    """Entries and exits of modules on one recorded step, by autograd sequence number."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget the step."""
        self._numbers: list[int] = []
        self._owners: list[weakref.ref[nn.Module] | None] = []  # no model is kept alive by us
        self._stack: list[nn.Module] = []
        self.hidden: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self._old = 0
        self._begin = 0

    def begin(self) -> None:
        """From here on every entry and exit is noted."""
        self._begin = sequence_number()

    def saw(self, number: int) -> bool:
        """Whether modules were being noted when this sequence number was given out."""
        return number >= self._begin

    def trim(self) -> None:
        """A step has ended and the next is recorded too: forget all but the last one.

        What a step computed may reach a loss in the next (a GAN's generator runs before its
        discriminator steps).
        """
        del self._numbers[: self._old], self._owners[: self._old]
        self._old = len(self._numbers)

    @property
    def depth(self) -> int:
        """How many modules are open."""
        return len(self._stack)

    def enter(self, module: nn.Module) -> None:
        """A module's forward begins."""
        self._stack.append(module)
        self._note(module)
        if _unpacking_is_costly():
            self.hidden.add(module)

    def leave(self, module: nn.Module) -> None:
        """A module's forward ended, or was left by an exception further in."""
        if module not in self._stack:
            return
        while self._stack.pop() is not module:
            pass  # an interrupt skipped the exits in between
        self._note(self._stack[-1] if self._stack else None)

    def owner(self, number: int) -> nn.Module | None:
        """The innermost module that was open when this sequence number was given out."""
        # A node made after the mark at `n` gets a number of at least `n`.
        position = bisect_right(self._numbers, number) - 1
        owner = self._owners[position] if position >= 0 else None
        return None if owner is None else owner()

    def is_hidden(self, number: int) -> bool:
        """Whether saved tensors were being packed where this sequence number was given out."""
        if not self.hidden:
            return False
        owner = self.owner(number)
        return any(owner is module for module in self.hidden)

    def _note(self, owner: nn.Module | None) -> None:
        number = sequence_number()
        held = None if owner is None else weakref.ref(owner)
        if self._numbers and self._numbers[-1] == number:
            self._owners[-1] = held  # nothing was made in between
        else:
            self._numbers.append(number)
            self._owners.append(held)


def _unpacking_is_costly() -> bool:
    """Saved tensors are packed here (checkpointing, offload): reading one recomputes it."""
    return _top_hooks(False) is not None


class Names:
    """Qualified names of modules and parameters.

    Args:
        models: the models to name; none means: find the roots as they are called.
    """

    def __init__(self, models: tuple[nn.Module, ...] = ()) -> None:
        self.given = bool(models)
        self._roots: list[tuple[weakref.ref[nn.Module], str]] = []
        self._paths: dict[int, str] = {}
        self._parameters: dict[int, str] = {}
        self._stale = True
        for index, model in enumerate(models):
            self._roots.append((weakref.ref(model), "" if len(models) == 1 else str(index)))

    def meet(self, module: nn.Module) -> None:
        """A module was called from outside any other: remember what the user calls it."""
        if self.given or id(module) in self._paths or self._known(module):
            return
        root, name = _held_as(module, foreign(sys._getframe(1)))
        if not self._known(root):
            self._roots.append((weakref.ref(root), name))
        self._stale = True

    def roots(self) -> list[nn.Module]:
        """The roots that are still alive."""
        return [root for ref, _ in self._roots if (root := ref()) is not None]

    def path(self, module: nn.Module | None) -> str:
        """The module's qualified name; ``""`` for the root, and for what has no owner."""
        if module is None:
            return ""
        if self._stale or id(module) not in self._paths:
            self._rebuild()
        return self._paths.get(id(module), type(module).__name__.lower())

    def parameter(self, parameter: torch.Tensor) -> str | None:
        """The parameter's qualified name, or None if no root holds it."""
        if self._stale or id(parameter) not in self._parameters:
            self._rebuild()
        return self._parameters.get(id(parameter))

    def _known(self, module: nn.Module) -> bool:
        return any(ref() is module for ref, _ in self._roots)

    def _rebuild(self) -> None:
        self._roots = [(ref, name) for ref, name in self._roots if ref() is not None]
        self._paths, self._parameters, self._stale = {}, {}, False
        models = [root for root in self.roots() if next(root.parameters(), None) is not None]
        for ref, name in self._roots:
            root = ref()
            if root is not None:
                sole = len(models) == 1 and models[0] is root and not self.given
                self._name(root, "" if sole else name)

    def _name(self, root: Any, prefix: str) -> None:
        dot = f"{prefix}." if prefix else ""
        for path, module in root.named_modules():
            self._paths.setdefault(id(module), f"{dot}{path}" if path else prefix)
        for path, parameter in root.named_parameters():
            self._parameters.setdefault(id(parameter), f"{dot}{path}")


def _held_as(module: nn.Module, frame: FrameType | None) -> tuple[nn.Module, str]:
    """The outermost model that holds `module`, and the variable that holds that model."""
    found = (module, type(module).__name__.lower())
    while frame is not None:
        for name, value in _modules_in(frame):
            if value is module:
                return module, name
            if any(part is module for part in value.modules()):
                return value, name
        frame = foreign(frame.f_back)
    return found


def _modules_in(frame: FrameType) -> list[tuple[str, nn.Module]]:
    variables = {**frame.f_globals, **frame.f_locals}
    holder = frame.f_locals.get("self")
    if holder is not None and not isinstance(holder, nn.Module):
        variables.update(getattr(holder, "__dict__", {}))  # a trainer that holds the model
    held = [(name, value) for name, value in variables.items() if isinstance(value, nn.Module)]
    # The larger model first: `model` rather than `model.encoder` kept in a variable of its own.
    return sorted(held, key=lambda pair: -sum(1 for _ in pair[1].modules()))
