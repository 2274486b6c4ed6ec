"""Adds new parameters to optimisers, and resets the state of changed ones."""

import gc
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.optim.optimizer import Optimizer

from relume.instrument.monkeypatch import MonkeyPatch

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession


_KNOWN: "weakref.WeakSet[Optimizer]" = weakref.WeakSet()


def optimisers() -> list[Optimizer]:
    """Return every optimiser of this process, made before or during the session."""
    return list(_KNOWN)


def track() -> Callable[[], None]:
    """Collect every optimiser from now on; return a function that stops it."""
    # by type: reading the __class__ of a proxy may import its target
    _KNOWN.update(one for one in gc.get_objects() if issubclass(type(one), Optimizer))
    patch = MonkeyPatch(Optimizer, "__init__", _collecting)
    patch.install()
    return patch.remove


def _collecting(original: Callable[..., None]) -> Callable[..., None]:
    def init(self: Optimizer, *args: Any, **words: Any) -> None:
        original(self, *args, **words)
        _KNOWN.add(self)

    return init


def forget(parameters: Iterable[Any]) -> None:
    """Drop the optimisers' state of these parameters, which were drawn anew."""
    redrawn = list(parameters)
    for optimiser in optimisers():
        for parameter in redrawn:
            optimiser.state.pop(parameter, None)


class Adoption:
    """Adds new parameters, each to the optimiser group that trains another parameter.

    It appends them to the group: a group of their own would break the schedules that count
    groups. An optimiser that is made later gets them from the model.
    """

    def __init__(self, session: "EditSession") -> None:
        self._session = session
        self._pending: list[tuple[nn.Parameter, weakref.ref[Any]]] = []
        session.on_step(lambda optimiser, _count: self._add_to(optimiser))

    def add(self, new: Iterable[nn.Parameter], beside: Any) -> None:
        """Train these parameters like `beside`."""
        self._pending += [(parameter, weakref.ref(beside)) for parameter in new]
        for optimiser in optimisers():
            self._add_to(optimiser)

    def _add_to(self, optimiser: Optimizer) -> None:
        if not self._pending:
            return
        groups = optimiser.param_groups
        group_of = {id(p): group for group in groups for p in group["params"]}
        for new, beside in list(self._pending):
            group = group_of.get(id(beside()))
            if group is None:
                continue
            self._pending.remove((new, beside))
            if id(new) not in group_of:
                group["params"].append(new)
                self._session.undo.append(remove_from(optimiser, new))


def remove_from(optimiser: Optimizer, parameter: nn.Parameter) -> Callable[[], None]:
    """Return a function that takes the parameter out of the optimiser again."""
    return partial(_remove_from, weakref.ref(optimiser), parameter)


def _remove_from(ref: "weakref.ref[Optimizer]", parameter: nn.Parameter) -> None:
    optimiser = ref()
    if optimiser is None:
        return
    for group in optimiser.param_groups:
        group["params"] = [p for p in group["params"] if p is not parameter]
    optimiser.state.pop(parameter, None)


def zero_moments(parameter: Any, where: Any) -> None:
    """Set the optimisers' state of these entries of a parameter to zero."""
    for optimiser in optimisers():
        for value in optimiser.state.get(parameter, {}).values():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                value[where] = 0
