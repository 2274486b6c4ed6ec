"""Follows the calls of a recorded step: where values lose their gradient, and where they return.

A function mode passes every call on as it is. A result without a gradient that was made from one
with a gradient begins an origin: a comparison, an ``argmax``, ``.detach()``, ``.data``, a module
under ``no_grad``, or a number that leaves torch (``.item()``, ``float()``, ``.tolist()``,
``.numpy()``). What is computed from it is followed until it enters a call whose result has a
gradient. A number that comes back is known by its value.
"""

import sys
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from relume.instrument.mode_stack import is_open, remove_mode
from relume.instrument.module_names import user_frame
from relume.instrument.private_names import DisableTorchFunction, function_stack_length
from relume.instrument.replaced_call import without_replacement
from relume.record.graph.autograd_graph import AutogradNode, walk

MOST_ORIGINS = 32  # results without a gradient that are followed on one step
MOST_ENTRIES = 1 << 20  # of a tensor that is compared with what left torch
DROPS = {
    "detach": ".detach()",
    "data": ".data",
    "tensor": "torch.tensor()",
    "new_tensor": ".new_tensor()",
}
"""Calls that return the values without their gradient, and how each is written."""
LEAVES = {
    "item": ".item()",
    "tolist": ".tolist()",
    "numpy": ".numpy()",
    "__array__": ".numpy()",
    "__float__": "float()",
}
"""Calls that hand values to Python or NumPy."""
NO_GRAD = "torch.no_grad()"


@dataclass(frozen=True, slots=True)
class Entry:
    """Where values without their gradient come back: how many of them, and the user's line."""

    count: int
    file: str
    line: int


@dataclass(slots=True, eq=False)
class Origin:
    """Where values lose their gradient.

    Attributes:
        operation: the call.
        plain: it hands on the values as they are: no slope is missing, the gradient was left.
        file, line: the user's line.
        leaves: the leaves before it.
        before: the nodes before it.
        values: what left torch here.
        entries: where it came back, by the node that took it.
    """

    operation: str
    plain: bool
    file: str
    line: int
    leaves: list[Tensor]
    before: set[AutogradNode]
    values: list[Tensor] = field(default_factory=list[Tensor])
    entries: dict[AutogradNode, Entry] = field(default_factory=dict[AutogradNode, Entry])


class CallFollower(TorchFunctionMode):
    """Follows, while it is open, what is made from results that have lost their gradient.

    Args:
        silent: ids of the weights that no gradient has reached: under ``no_grad`` these are
            followed.

    Attributes:
        origins: where a gradient was lost.
        done: it only passes calls on.
    """

    def __init__(self, silent: Iterable[int] = ()) -> None:
        super().__init__()
        self.origins: list[Origin] = []
        self._silent = frozenset(silent)
        self._lost: dict[int, tuple[weakref.ref[Tensor], Origin]] = {}
        self._numbers: list[tuple[float, Origin]] = []
        self.done = False

    def forget(self) -> None:
        """Drop what was followed."""
        self.origins, self._lost, self._numbers, self.done = [], {}, [], True

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call the function, then look at what went in and came out."""
        called, given, words = without_replacement(func, args, kwargs)
        result = called(*given, **words)
        if not self.done:
            try:
                with DisableTorchFunction():
                    self._follow(_name(func), (*args, *(kwargs or {}).values()), result)
            except Exception:  # the user's call has been made; looking at it must not end it
                self.forget()
        return result

    def _follow(self, name: str, given: tuple[Any, ...], result: Any) -> None:
        taken = list(_tensors(given))
        made = [t for t in _tensors((result,)) if t.numel()]
        if name in LEAVES and taken:
            self._leave(name, taken[0], result)
        if not made or not name:
            return
        lost, count = self._lost_of(taken, given)
        if lost is None:
            lost = self._begin(name, taken, made)
        elif not torch.is_grad_enabled():
            lost.leaves += self._silent_of(taken)
        if lost is None:
            return
        for tensor in made:
            if not tensor.requires_grad:
                self._lost[id(tensor)] = weakref.ref(tensor), lost
            elif tensor.grad_fn is not None and count:
                entry = Entry(count, *_user_line())
                lost.entries[cast("AutogradNode", tensor.grad_fn)] = entry

    def _begin(self, name: str, taken: list[Tensor], made: list[Tensor]) -> Origin | None:
        """Begin an origin, if a gradient is lost in this call."""
        if len(self.origins) >= MOST_ORIGINS or any(t.requires_grad for t in made):
            return None
        source = next((t for t in taken if t.grad_fn is not None), None)
        if torch.is_grad_enabled():
            own = self._silent_of(taken) if source is None and name in DROPS else []
            if own:  # a parameter itself, whose values alone are used
                made_here = self._add(DROPS[name], None, plain=True)
                made_here.leaves += own
                return made_here
            if source is None or any(t is source for t in made):
                return None
            return self._add(DROPS.get(name, name.strip("_")), source, plain=name in DROPS)
        silent = self._silent_of(taken)
        if not silent and source is None:
            return None
        made_here = self._add(NO_GRAD, source, plain=True)
        made_here.leaves += silent
        return made_here

    def _add(self, operation: str, source: Tensor | None, *, plain: bool) -> Origin:
        file, line = _user_line()
        known = (
            o for o in self.origins if (o.operation, o.file, o.line) == (operation, file, line)
        )
        again = next(known, None) if operation == NO_GRAD else None
        if again is not None:
            return again
        graph = None if source is None or source.grad_fn is None else walk(source.grad_fn)
        leaves, before = ([], set[AutogradNode]()) if graph is None else (graph.leaves, graph.nodes)
        made = Origin(operation, plain, file, line, list(leaves), set(before))
        self.origins.append(made)
        return made

    def _leave(self, name: str, source: Tensor, result: Any) -> None:
        """Values leave torch: keep them, to know them again."""
        known = self._lost.get(id(source))
        origin = known[1] if known is not None and known[0]() is source else None
        if origin is None:
            if source.grad_fn is None or len(self.origins) >= MOST_ORIGINS:
                return
            origin = self._add(LEAVES[name], source, plain=True)
        origin.values.append(source.detach())
        if isinstance(result, float) and not result.is_integer():
            self._numbers.append((result, origin))

    def _lost_of(self, taken: list[Tensor], given: tuple[Any, ...]) -> tuple[Origin | None, int]:
        """The origin of a call's arguments, and the size of the argument that it was found by."""
        for tensor in taken:
            known = self._lost.get(id(tensor))
            if known is not None and known[0]() is tensor:
                return known[1], tensor.numel()
        for number in given:
            if isinstance(number, float):
                for left, origin in self._numbers:
                    if left == number:
                        return origin, 1
        for tensor in taken:
            if not tensor.requires_grad and tensor.is_floating_point():
                for origin in self.origins:
                    if any(_is_same(value, tensor) for value in origin.values):
                        self._lost[id(tensor)] = weakref.ref(tensor), origin
                        return origin, tensor.numel()
        return None, 0

    def _silent_of(self, taken: list[Tensor]) -> list[Tensor]:
        return [tensor for tensor in taken if id(tensor) in self._silent]


class FollowedSteps:
    """Opens a `CallFollower` on a few steps, for those that ask for one."""

    def __init__(self) -> None:
        self._follower: CallFollower | None = None
        self._left: dict[str, int] = {}
        self._silent: set[int] = set()

    @property
    def origins(self) -> list[Origin]:
        """Where a gradient was lost on this step; empty where it was not followed."""
        follower = self._follower
        return [] if follower is None or follower.done else follower.origins

    @property
    def is_followed(self) -> bool:
        """Whether the calls of this step were followed."""
        return self._follower is not None and not self._follower.done

    def want(self, why: str, steps: int, silent: Iterable[int] = ()) -> None:
        """Ask for the next step's calls; at most on so many steps for one reason."""
        self._left.setdefault(why, steps)
        self._silent.update(silent)

    def arm(self) -> None:
        """Follow the calls of the step that begins, if it is asked for."""
        self.end()
        wanted = [why for why, left in self._left.items() if left > 0]
        # Below another mode ours would be the one that the other one's end removes.
        if self._follower is None and wanted and not function_stack_length():
            for why in wanted:
                self._left[why] -= 1
            self._follower = CallFollower(self._silent)
            self._follower.__enter__()

    def end(self) -> None:
        """Stop following calls, and forget them.

        `backward` is such a call itself, and while it runs torch has taken the mode off the stack,
        to put it back: then it is removed at the next call, between two steps.
        """
        if self._follower is not None:
            self._follower.forget()
            if is_open(self._follower):
                remove_mode(self._follower)
                self._follower = None


def on_the_way(origins: Sequence[Origin], nodes: set[AutogradNode]) -> Iterator[Origin]:
    """Yield the origins whose result enters the loss, or what another one of them lost."""
    for origin in reversed(origins):
        if not nodes.isdisjoint(origin.entries):
            nodes |= origin.before
            yield origin


def _user_line() -> tuple[str, int]:
    frame = user_frame(sys._getframe(1))
    return (frame.f_code.co_filename, frame.f_lineno) if frame else ("", 0)


def _name(func: Any) -> str:
    """The name of a call; ``""`` of an attribute that is no copy of the values."""
    name = str(getattr(func, "__name__", ""))
    if name != "__get__":
        return name
    return "data" if getattr(getattr(func, "__self__", None), "__name__", "") == "data" else ""


def _tensors(values: tuple[Any, ...]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from (one for one in cast("Sequence[Any]", value) if isinstance(one, Tensor))


def _is_same(left: Tensor, tensor: Tensor) -> bool:
    """Whether a tensor holds what left torch: numbers that are not all whole, bit by bit."""
    if left.numel() != tensor.numel() or not 0 < left.numel() <= MOST_ENTRIES:
        return False
    kept = left.reshape(-1).to(tensor.device, tensor.dtype)
    same = torch.equal(kept, tensor.detach().reshape(-1))
    return same and not bool((kept == kept.round()).all())
