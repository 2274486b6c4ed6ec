"""What edits do to optimisers: new parameters come in, what was learned of changed ones goes."""

import gc
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.optim.optimizer import Optimizer

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession


_KNOWN: "weakref.WeakSet[Optimizer]" = weakref.WeakSet()


def optimisers() -> list[Optimizer]:
    """Every optimiser of this process, made before or under the bench."""
    return list(_KNOWN)


def track() -> Callable[[], None]:
    """Know every optimiser from now on; gives what ends that."""
    # by type: asking a proxy for its __class__ may import what it stands for
    _KNOWN.update(one for one in gc.get_objects() if issubclass(type(one), Optimizer))
    kind: Any = Optimizer
    original = kind.__init__

    def init(self: Optimizer, *args: Any, **words: Any) -> None:
        original(self, *args, **words)
        _KNOWN.add(self)

    kind.__init__ = init

    def end() -> None:
        kind.__init__ = original

    return end


def forget(parameters: Iterable[Any]) -> None:
    """What optimisers have gathered on these parameters is gone: they were drawn anew."""
    gone = list(parameters)
    for optimiser in optimisers():
        for parameter in gone:
            optimiser.state.pop(parameter, None)


class Adoption:
    """New parameters, each for the group of the optimiser that trains another one.

    They are appended to the group: a group of their own would break the schedules that count
    groups. An optimiser that is made later has them from the model.
    """

    def __init__(self, bench: "EditSession") -> None:
        self._bench = bench
        self._pending: list[tuple[nn.Parameter, weakref.ref[Any]]] = []
        bench.on_step(lambda optimiser, _count: self._into(optimiser))

    def add(self, new: Iterable[nn.Parameter], beside: Any) -> None:
        """Train these like `beside`."""
        self._pending += [(parameter, weakref.ref(beside)) for parameter in new]
        for optimiser in optimisers():
            self._into(optimiser)

    def _into(self, optimiser: Optimizer) -> None:
        if not self._pending:
            return
        groups = optimiser.param_groups
        where = {id(p): group for group in groups for p in group["params"]}
        for new, beside in list(self._pending):
            group = where.get(id(beside()))
            if group is None:
                continue
            self._pending.remove((new, beside))
            if id(new) not in where:
                group["params"].append(new)
                self._bench.undo.append(remove_from(optimiser, new))


def remove_from(optimiser: Optimizer, parameter: nn.Parameter) -> Callable[[], None]:
    """What takes a parameter out of an optimiser again."""
    return partial(_remove_from, weakref.ref(optimiser), parameter)


def _remove_from(ref: "weakref.ref[Optimizer]", parameter: nn.Parameter) -> None:
    optimiser = ref()
    if optimiser is None:
        return
    for group in optimiser.param_groups:
        group["params"] = [p for p in group["params"] if p is not parameter]
    optimiser.state.pop(parameter, None)


def zero_moments(parameter: Any, where: Any) -> None:
    """What optimisers have gathered on these entries of a parameter is zero."""
    for optimiser in optimisers():
        for value in optimiser.state.get(parameter, {}).values():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                value[where] = 0
