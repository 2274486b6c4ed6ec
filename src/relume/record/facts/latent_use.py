"""Counts the latents that carry something: of a VAE, a codebook, a sparse autoencoder.

A VAE's mean is recognised by what the graph does with it: noise times a scale is added to it, and
its square enters the loss. A codebook is a parameter whose rows are picked by number and then held
against a constant. A latent of a top-k autoencoder is a column that a scatter fills. Read on deep
records only.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from relume.core import Fact
from relume.record.facts.fact_audit import FactAudit
from relume.record.graph import criterion, criterion_targets
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    inputs,
    kind,
    leaf_of,
    saved,
    signal_inputs,
    signed_axis,
)
from relume.record.graph.op_names import AFFINE, RESHAPE
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.sites import SiteCall, Sites, source_of
from relume.record.store.run_file import Writer

ACTIVE = 0.01  # variance over rows of a latent's mean (Burda et al. 2015; page of ACT407)
RECENT = 8  # deep records whose picked codes are counted together
LAST = 2  # deep records whose means are: each batch shows the variance of all of them
LEAST_CODES = 4
MOST_STEPS = 6  # operations between a code and what it is held against
SCALES = frozenset({"ExpBackward", "SoftplusBackward", "SqrtBackward"})
PICKS = frozenset({"EmbeddingBackward", "IndexBackward", "IndexSelectBackward", "MmBackward"})


@dataclass(slots=True)
class Latents:
    """The latents of one place, and which of them were used on the last records."""

    first: int
    data: dict[str, Any]
    recent: deque[NDArray[np.bool_]] = field(default_factory=lambda: deque(maxlen=RECENT))
    rows: deque[int] = field(default_factory=lambda: deque(maxlen=RECENT))
    records: int = 0
    most: int = 0


class LatentUse(FactAudit):
    """Writes one fact for each place with latents."""

    def __init__(self, sites: Sites, writer: Writer) -> None:
        super().__init__(sites, writer)
        self._known: dict[str, Latents] = {}
        self._looked = 0

    def read(
        self, graph: AutogradGraph, calls: Sequence[SiteCall], trace: ModuleTrace, step: int
    ) -> None:
        """Count the latents of one graph that are used on this batch."""
        acts = {call.node: call.state.site.name for call in calls if call.node is not None}
        for mean, node, scale in _means(graph):
            rows = mean.detach().reshape(-1, mean.shape[-1]).float()
            used: NDArray[np.bool_] = (rows.var(0) > ACTIVE).cpu().numpy()
            site = self._site(node, trace)
            self._add("gaussian", site, node, used, len(rows), step)
            data = self._known[site].data
            data |= {"mean_act": _act_of(node, acts), "log_variance_act": _act_of(scale, acts)}
        for picked, count, node in _codes(graph):
            used = np.zeros(count, dtype=bool)
            used[picked.unique().cpu().numpy()] = True
            self._add("codes", self._code_site(node), node, used, picked.numel(), step)
        for picked, count, node in _filled(graph):
            used = np.zeros(count, dtype=bool)
            used[picked.unique().cpu().numpy()] = True
            rows = picked.numel() // max(picked.shape[-1], 1)
            self._add("top-k", self._site(node, trace), node, used, rows, step)
        self._looked += 1
        if self._looked <= RECENT // 2:
            self._mark_sparse(graph, calls, step)

    def _add(
        self,
        what: str,
        site: str,
        node: AutogradNode,
        used: NDArray[np.bool_],
        rows: int,
        step: int,
    ) -> None:
        file, line = source_of(node)
        known = self._known.get(site)
        if known is None or len(used) != known.data["units"]:
            data = {"what": what, "units": len(used), "file": file, "line": line}
            known = self._known[site] = Latents(step, data)
        known.recent.append(used)
        known.rows.append(rows)
        known.records += 1
        last = list(known.recent)[-(LAST if what == "gaussian" else RECENT) :]
        now = int(np.logical_or.reduce(last).sum())
        known.most = max(known.most, now)
        known.data |= {
            "used": now,
            "used_now": int(used.sum()),
            "most": known.most,
            "rows": sum(known.rows),
            "records": known.records,
            "last": step,
        }
        self._writer.replace_fact(Fact("latents", site, known.first, known.data))

    def _mark_sparse(self, graph: AutogradGraph, calls: Sequence[SiteCall], step: int) -> None:
        """Write which act's units are the latents of a sparse autoencoder: a wider layer between
        the data and a head that is held against the same data."""
        spec = criterion.criterion(graph)
        head = criterion.head(spec, graph)
        if head.affine is None or kind(head.affine) not in AFFINE:
            return
        target = criterion_targets.targets(spec)
        if target is None:
            target = criterion_targets.handwritten_targets(spec, head)
        for call in calls:
            site, node = call.state.site, call.node
            if node is None or not isinstance(target, Tensor) or not call.state.elementwise:
                continue
            decoded = inputs(head.affine)[AFFINE[kind(head.affine)].data]
            if site.name in self._known or decoded is not node:
                continue
            layer = next(iter(signal_inputs(node)), None)
            data = None if layer is None or kind(layer) not in AFFINE else _data_of(layer)
            if data is None or data.shape != target.shape or site.units <= data.shape[-1]:
                continue
            if torch.allclose(data[:4].float(), target[:4].to(data.device).float(), atol=1e-4):
                known = Latents(step, {"what": "units", "units": site.units})
                self._known[site.name] = known
                self._writer.replace_fact(Fact("latents", site.name, step, known.data))

    def _site(self, node: AutogradNode, trace: ModuleTrace) -> str:
        current: AutogradNode | None = node
        for _ in range(MOST_STEPS * 2):
            if current is None or kind(current) in AFFINE:
                break
            current = next(iter(signal_inputs(current)), None)
        path = "" if current is None else self._sites.layer_path(current, trace)
        return path or self._sites.names.path(trace.owner(node._sequence_nr())) or "latents"

    def _code_site(self, node: AutogradNode) -> str:
        leaf = _leaf_behind(node)
        return (leaf is not None and self._sites.names.parameter(leaf)) or "codebook"


def _data_of(node: AutogradNode) -> Tensor | None:
    place = AFFINE[kind(node)]
    data = saved(node, place.saved_data) if inputs(node)[place.data] is None else None
    return data if isinstance(data, Tensor) else None


def _act_of(node: AutogradNode | None, acts: dict[AutogradNode, str]) -> str:
    """The site of the act that gives a mean, or that an exponential takes as a log-variance."""
    if node is not None and kind(node) == "ExpBackward":
        node = next(iter(signal_inputs(node)), None)
        if node is not None and kind(node) in ("MulBackward", "DivBackward"):
            node = next(iter(signal_inputs(node)), None)
    while node is not None and kind(node) in RESHAPE and node not in acts:
        node = next(iter(signal_inputs(node)), None)
    return "" if node is None else acts.get(node, "")


def _means(
    graph: AutogradGraph,
) -> Iterator[tuple[Tensor, AutogradNode, AutogradNode | None]]:
    """Yield (mean, its node, the node of its scale) of each sampled latent whose mean's square is
    in the loss."""
    squares: dict[tuple[AutogradNode, int], Tensor] = {}
    for node in graph.nodes:
        value = _squared(node)
        if value is not None:
            source = _edges(node)[0]
            for _ in range(MOST_STEPS):
                squares.setdefault(source, value)
                below = _edges(source[0])
                if kind(source[0]) not in ("SubBackward", "DivBackward") or len(below) != 1:
                    break
                source = below[0]
    if not squares:
        return
    seen: set[tuple[AutogradNode, int]] = set()
    for node in graph.nodes:
        if kind(node) != "AddBackward":
            continue
        pairs = _edges(node)
        for mean, noise in zip(pairs, reversed(pairs), strict=True):
            if mean in squares and mean not in seen and len(pairs) == 2 and _is_noise(noise[0]):
                seen.add(mean)
                yield squares[mean], mean[0], _scale_of(noise[0])


def _edges(node: AutogradNode) -> list[tuple[AutogradNode, int]]:
    """The inputs that carry a gradient, with the number of the source's output."""
    return [(source, number) for source, number in node.next_functions if source is not None]


def _squared(node: AutogradNode) -> Tensor | None:
    """Return what a node squares, if it has rows and columns."""
    name = kind(node)
    square = name == "PowBackward" and float(getattr(node, "_saved_exponent", 0)) == 2
    product = name == "MulBackward" and len({id(source) for source in inputs(node)}) == 1
    if square or product:
        value = saved(node, "_saved_self")
    else:
        return None
    return value if isinstance(value, Tensor) and value.dim() >= 2 else None


def _is_noise(node: AutogradNode) -> bool:
    """Whether a node multiplies a scale with numbers of both signs that carry no gradient."""
    sources = inputs(node)
    if (
        kind(node) != "MulBackward"
        or len(sources) != 2
        or (sources[0] is None) == (sources[1] is None)
    ):
        return False
    value = saved(node, "_saved_self" if sources[0] is None else "_saved_other")
    if not isinstance(value, Tensor) or value.dim() < 2:
        return False
    return _scale_of(node) is not None and bool((value.min() < 0) & (value.max() > 0))


def _scale_of(node: AutogradNode) -> AutogradNode | None:
    """The operation that makes the scale of a node of noise, or None."""
    scale = next(iter(signal_inputs(node)), None)
    for _ in range(3):
        if scale is None or kind(scale) in SCALES:
            break
        scale = next(iter(signal_inputs(scale)), None)
    return scale if scale is not None and kind(scale) in SCALES else None


def _codes(graph: AutogradGraph) -> Iterator[tuple[Tensor, int, AutogradNode]]:
    """Yield (numbers of the picked codes, how many codes there are, the node that picks them)."""
    for node in graph.nodes:
        if kind(node) not in PICKS:
            continue
        leaf = _leaf_behind(node)
        if leaf is None or leaf.dim() != 2 or leaf.shape[0] < LEAST_CODES:
            continue
        picked = _picked(node)
        if picked is not None and picked.numel() and _is_fitted(graph, node):
            yield picked, int(leaf.shape[0]), node


def _leaf_behind(node: AutogradNode) -> Tensor | None:
    sources = [source for source in inputs(node) if source is not None]
    return leaf_of(sources[0]) if len(sources) == 1 else None


def _picked(node: AutogradNode) -> Tensor | None:
    """Return the numbers of the rows that a node takes from a parameter."""
    name = kind(node)
    if name == "MmBackward":
        hot = saved(node, "_saved_self")
        if not isinstance(hot, Tensor) or not bool(((hot == 0) | (hot == 1)).all()):
            return None
        return hot.argmax(1) if bool((hot.sum(1) == 1).all()) else None
    index = saved(node, "_saved_index" if name == "IndexSelectBackward" else "_saved_indices")
    if isinstance(index, list | tuple):
        several = cast("Sequence[Any]", index)
        index = several[0] if len(several) == 1 else None
    floating = isinstance(index, Tensor) and (
        index.is_floating_point() or index.dtype is torch.bool
    )
    return index if isinstance(index, Tensor) and not floating else None


def _is_fitted(graph: AutogradGraph, node: AutogradNode) -> bool:
    """Whether what was picked is drawn towards a constant: the squared distance to it."""
    todo, seen = [*graph.consumers(node)], 0
    while todo and seen < MOST_STEPS * 2:
        user, seen = todo.pop(0), seen + 1
        if kind(user) == "MseLossBackward" and None in inputs(user):
            return True
        if kind(user) in ("SubBackward", "RsubBackward") and len(signal_inputs(user)) == 1:
            squares = ("PowBackward", "MulBackward", "LinalgVectorNormBackward", "NormBackward")
            if any(kind(one) in squares for one in graph.consumers(user)):
                return True
        if kind(user) in RESHAPE:
            todo.extend(graph.consumers(user))
    return False


def _filled(graph: AutogradGraph) -> Iterator[tuple[Tensor, int, AutogradNode]]:
    """Yield (filled columns, how many there are, the node) of each top-k that a layer decodes."""
    for node in graph.nodes:
        if kind(node) != "TopkBackward":
            continue
        index, sizes = saved(node, "_saved_indices"), getattr(node, "_saved_self_sym_sizes", ())
        if not isinstance(index, Tensor) or not sizes:
            continue
        axis = signed_axis(node._saved_dim) % len(sizes)
        if axis == len(sizes) - 1 and _is_decoded(graph, node):
            yield index, int(sizes[axis]), node


def _is_decoded(graph: AutogradGraph, node: AutogradNode) -> bool:
    """Whether a scatter takes the values, and an affine layer its output."""
    todo, seen, scattered = [*graph.consumers(node)], 0, False
    while todo and seen < MOST_STEPS * 2:
        user, seen = todo.pop(0), seen + 1
        if kind(user) in AFFINE and scattered:
            return True
        scattered |= kind(user).startswith("Scatter")
        todo.extend(graph.consumers(user))
    return False
