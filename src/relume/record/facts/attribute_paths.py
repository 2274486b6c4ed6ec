"""Names tensors that no module registers by the attribute that holds them.

A layer in a plain list, a dictionary of weights, or the product of a parameter and a number is no
parameter of the model, yet its tensors stand behind an attribute: ``hids[0].weight``.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import FrameType
from typing import Any, cast

import torch
from torch import Tensor, nn

MOST_OBJECTS = 4_000  # objects that one search looks at
MOST_ITEMS = 256  # of one list or dictionary
MOST_DEPTH = 5  # attributes and items between a model and a tensor
BEHIND = 6  # operations between an attribute's tensor and the leaf that it was made from
_REGISTERED = frozenset({"_parameters", "_buffers", "_modules"})


def attribute_paths(
    roots: Iterable[tuple[str, nn.Module]], frames: Iterable[FrameType]
) -> tuple[dict[int, str], frozenset[int]]:
    """Return the path of each tensor that an attribute of a model, or a variable, holds.

    Args:
        roots: the models with their names.
        frames: frames of the user's code, the innermost first; their variables come last.

    Returns:
        Paths by the tensor's id (a leaf behind a computed attribute has the attribute's path), and
        the ids of those that a model holds.
    """
    search = _Search()
    for name, root in roots:
        modules = cast("Iterator[tuple[str, nn.Module]]", root.named_modules())
        for path, module in modules:
            inner = ".".join(part for part in (name, path) if part)
            search.add(_own_attributes(module, inner))
    search.run(behind=True)
    of_models = frozenset(search.paths)
    for frame in frames:
        search.add((name, value) for name, value in {**frame.f_globals, **frame.f_locals}.items())
    search.run(behind=False)  # what stands behind a variable may be the loss
    return search.paths, of_models


class _Search:
    """Looks at objects breadth first, each once."""

    def __init__(self) -> None:
        self.paths: dict[int, str] = {}
        self._queue: list[tuple[str, Any, int]] = []
        self._seen: set[int] = set()

    def add(self, pairs: Iterable[tuple[str, Any]], depth: int = 0) -> None:
        """Queue objects with their paths."""
        if depth <= MOST_DEPTH:
            self._queue.extend((path, value, depth) for path, value in pairs)

    def run(self, *, behind: bool) -> None:
        """Look at what is queued, and at what it holds; also at what a tensor was made from."""
        most = len(self._seen) + MOST_OBJECTS
        for path, value, depth in self._queue:
            if len(self._seen) > most:
                break
            if id(value) in self._seen or isinstance(value, str | bytes | int | float | type):
                continue
            self._seen.add(id(value))
            if isinstance(value, Tensor):
                self.paths.setdefault(id(value), path)
                for leaf in _leaves_behind(value) if behind else ():
                    self.paths.setdefault(id(leaf), path)
            else:
                self.add(_parts(path, value), depth + 1)
        self._queue = []


def _own_attributes(module: nn.Module, path: str) -> Iterator[tuple[str, Any]]:
    """Yield what a module holds beside its registered parameters and modules."""
    for name, value in vars(module).items():
        if name not in _REGISTERED:
            yield f"{path}.{name}" if path else name, value


def _parts(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, nn.Module):
        for name, parameter in value.named_parameters():
            yield f"{path}.{name}", parameter
        modules = cast("Iterator[tuple[str, nn.Module]]", value.named_modules())
        for name, module in modules:
            yield from _own_attributes(module, f"{path}.{name}" if name else path)
    elif isinstance(value, list | tuple):
        items: Any = value  # pyright: ignore[reportUnknownVariableType]
        for index, item in enumerate(items[:MOST_ITEMS]):
            yield f"{path}[{index}]", item
    elif isinstance(value, Mapping):
        table: Any = value  # pyright: ignore[reportUnknownVariableType]
        for key in list(table)[:MOST_ITEMS]:
            yield f"{path}[{key!r}]", table[key]


def _leaves_behind(tensor: Tensor) -> Iterator[Tensor]:
    """Yield the leaves that a computed tensor was made from, through a few operations."""
    edge: Any = tensor.grad_fn
    layer = [] if edge is None else [edge]
    for _ in range(BEHIND):
        below: list[Any] = []
        for node in layer:
            for source, _ in node.next_functions:
                if source is not None and hasattr(source, "variable"):
                    yield source.variable
                elif source is not None:
                    below.append(source)
        layer = below[:BEHIND]


def is_parameter(tensor: Tensor) -> bool:
    """Whether a tensor was made as a parameter of a model."""
    return isinstance(tensor, torch.nn.Parameter)
