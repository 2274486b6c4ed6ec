"""Measures how the gradient of the loss changes over the steps of a recurrent layer.

An unrolled loop is read at its own nodes: the gradient at what its recurrent weight gives, step by
step. A fused layer (an LSTM on a CPU, all of them in cuDNN) is one node: the gradient of its input
by time step, where backward computes it; else a few rows are run through the layer again after
backward, on copies, with the gradient that arrived at its output.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from relume.core import Fact
from relume.record.facts.fact_audit import FactAudit
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    inputs,
    is_leaf,
    kind,
    parameter_behind,
    saved,
)
from relume.record.graph.op_names import AFFINE
from relume.record.hooks.torch_state import untraced
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.sites import Sites, source_of
from relume.record.store.run_file import Writer

LEAST_STEPS = 8  # of a sequence
MOST_POINTS = 48  # steps at which the gradient is read, at even distances
MOST_ROWS = 8  # rows that are run through a fused layer again
MOST_BACK = 64  # operations between two steps of a loop
FUSED = frozenset({"MkldnnRnnLayerBackward", "CudnnRnnBackward"})
WEIGHTS = ("_saved_weight0", "_saved_weight1", "_saved_weight2", "_saved_weight3")
TINY = 1e-45  # stands for a gradient of exactly zero
LOST = 3.0  # decades: a thousandth is left (page of ACT609)


@dataclass(slots=True)
class Reading:
    """The gradients of one layer on one record: their norms, by step of the sequence."""

    site: str
    layer: str
    length: int
    steps: list[int]
    where: tuple[str, int]
    norms: dict[int, Tensor] = field(default_factory=dict[int, Tensor])
    whole: Tensor | None = None
    replay: Callable[[], Tensor | None] | None = None


class GradientOverTime(FactAudit):
    """Hooks the recurrent layers of a graph, and writes one fact for each."""

    def __init__(self, sites: Sites, writer: Writer) -> None:
        super().__init__(sites, writer)
        self._readings: list[Reading] = []
        self._data: dict[str, dict[str, Any]] = {}

    def hook(self, graph: AutogradGraph, trace: ModuleTrace) -> None:
        """Hook the recurrent layers of a graph: backward is about to run."""
        self._readings = []
        for loop in _loops(graph):
            self._hook_loop(loop, trace)
        for node in graph.nodes:
            if kind(node) in FUSED and node not in graph.sealed:
                self._hook_fused(node, trace)

    def _hook_loop(self, loop: Sequence[AutogradNode], trace: ModuleTrace) -> None:
        at = _even(len(loop))
        site = self._sites.layer_path(loop[0], trace)
        leaf = parameter_behind(inputs(loop[0])[AFFINE[kind(loop[0])].weight])
        owner = None if leaf is None else trace.owner(loop[0]._sequence_nr())
        layer = type(owner).__name__ if owner is not None else "loop"
        reading = Reading(site, layer, len(loop), at, source_of(loop[0]))
        self._readings.append(reading)
        for step in at:

            def hook(_into: Sequence[Any], out: Sequence[Any], step: int = step) -> None:
                if out and isinstance(out[0], Tensor) and step not in reading.norms:
                    with untraced():
                        reading.norms[step] = out[0].detach().float().norm()

            loop[step].register_hook(hook)

    def _hook_fused(self, node: AutogradNode, trace: ModuleTrace) -> None:
        owner = trace.owner(node._sequence_nr())
        data = saved(node, "_saved_input")
        if not isinstance(owner, nn.RNNBase) or not isinstance(data, Tensor) or data.dim() != 3:
            return
        if len(data) < LEAST_STEPS or saved(node, "_saved_batch_sizes") not in (None, [], ()):
            return
        site = self._sites.names.path(owner)
        layer = type(owner).__name__
        reading = Reading(site, layer, len(data), _even(len(data)), source_of(node))
        self._readings.append(reading)
        weights = [saved(node, name) for name in WEIGHTS]

        def hook(into: Sequence[Any], out: Sequence[Any]) -> None:
            if reading.whole is not None or reading.replay is not None:
                return
            with untraced():
                if into and isinstance(into[0], Tensor):
                    reading.whole = into[0].detach().float().flatten(1).norm(dim=1)
                elif out and isinstance(out[0], Tensor) and kind(node).startswith("Mkldnn"):
                    rows = slice(0, MOST_ROWS)
                    pieces = (data[:, rows].detach(), out[0][:, rows].detach().clone())
                    flip = bool(getattr(node, "_saved_reverse", False))
                    reading.replay = lambda: _replayed(weights, *pieces, reverse=flip)

        node.register_hook(hook)

    def read(self, step: int) -> None:
        """Write what the hooks have seen: backward has run."""
        readings, self._readings = self._readings, []
        for reading in readings:
            if reading.replay is not None:
                reading.whole = reading.replay()
            if reading.whole is not None:
                reading.norms = {at: reading.whole[at] for at in reading.steps}
            if len(reading.norms) < 2:
                continue
            at = sorted(reading.norms)
            norms: list[float] = cast(Any, torch.stack([reading.norms[one] for one in at])).tolist()
            if all(math.isfinite(norm) for norm in norms) and max(norms) > 0:
                self._write(reading, at, norms, step)

    def _write(self, reading: Reading, at: list[int], norms: list[float], step: int) -> None:
        data = self._data.setdefault(reading.site, {"records": 0, "lost": 0, "grown": 0})
        logs = [math.log10(max(norm, TINY)) for norm in norms]
        top = logs.index(max(logs))
        lost = max(logs) - min(logs[: top + 1])
        grown = max(logs) - logs[-1] if top < len(logs) - 1 else 0.0
        data["records"] += 1
        data["lost"] += lost >= LOST
        data["grown"] += grown >= LOST and logs[0] - logs[-1] >= LOST
        data["now"] = "lost" if lost >= LOST else "grown" if grown >= LOST else ""
        data |= {"length": reading.length, "layer": reading.layer, "at": at}
        data |= {"log10": [round(value, 3) for value in logs], "decades": lost, "growth": grown}
        if data["grown"]:
            data.setdefault("grown_since", step)
        data["step"] = step
        if reading.where[1] or "line" not in data:
            data["file"], data["line"] = reading.where
        self._writer.replace_fact(Fact("time", reading.site, data.setdefault("begin", step), data))


def _even(count: int) -> list[int]:
    """Numbers from 0 to count - 1 at even distances, both ends among them."""
    if count <= MOST_POINTS:
        return list(range(count))
    return sorted({round(k * (count - 1) / (MOST_POINTS - 1)) for k in range(MOST_POINTS)})


def _loops(graph: AutogradGraph) -> list[list[AutogradNode]]:
    """Return the affine nodes of each weight that is applied again and again to its own output."""
    groups: dict[int, list[AutogradNode]] = {}
    for node in graph.nodes:
        if kind(node) not in AFFINE or node in graph.derived:
            continue
        source = inputs(node)[AFFINE[kind(node)].weight]
        leaf = parameter_behind(source)
        if leaf is not None:
            groups.setdefault(id(leaf), []).append(node)
    every = [group for group in groups.values() if len(group) >= LEAST_STEPS]
    return [group for group in every if _is_chain(group)]


def _is_chain(group: Sequence[AutogradNode]) -> bool:
    middle = len(group) // 2
    return all(_reaches(group[at], group[at - 1]) for at in (1, middle, len(group) - 1))


def _reaches(node: AutogradNode, goal: AutogradNode) -> bool:
    """Whether a node depends on another one that is not far back."""
    todo: list[AutogradNode] = [source for source in inputs(node) if source is not None]
    seen = set(todo)
    for current in todo:
        if current is goal:
            return True
        if len(seen) > MOST_BACK or is_leaf(current):
            continue
        for source in inputs(current):
            if source is not None and source not in seen:
                seen.add(source)
                todo.append(source)
    return False


def _replayed(
    weights: Sequence[Tensor | None], data: Tensor, gradient: Tensor, *, reverse: bool
) -> Tensor | None:
    """Return the norm of the gradient of an LSTM layer's input by time step, on a few rows.

    Everything is a copy: no gradient of the user's, and no random state, is touched.
    """
    kept = [w.detach() for w in weights if w is not None and w.numel()]
    if len(kept) not in (2, 4) or any(w.numel() == 0 for w in kept):
        return None
    size = kept[1].shape[1]
    rows = data.float().flip(0) if reverse else data.float()
    back = gradient.float().flip(0) if reverse else gradient.float()
    if back.shape[-1] != size:
        return None
    with torch.enable_grad():
        rows = rows.clone().requires_grad_()
        start = rows.new_zeros(1, rows.shape[1], size)
        kept = [w.float() for w in kept]
        made, *_ = torch.lstm(
            rows, (start, start), kept, len(kept) == 4, 1, 0.0, False, False, False
        )
        (found,) = torch.autograd.grad(made, rows, back)
    norms: Tensor = cast(Any, found.flatten(1)).norm(dim=1)
    return norms.flip(0) if reverse else norms
