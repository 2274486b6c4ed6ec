"""Finds the first place in a network after which its rows no longer differ.

At every layer, norm and act whose input or output the graph keeps, the variance over rows is held
against the mean square, on a sample of at most 256 rows. Where it is gone and was there upstream,
what stands in between made the rows alike. This is read on deep records only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor

from relume.acts.act import by_node
from relume.core import Fact
from relume.instrument.float64 import as_float64
from relume.record.facts.fact_audit import FactAudit
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    inputs,
    is_leaf,
    kind,
    name_of,
    output_shape,
    saved,
)
from relume.record.graph.criterion import criterion
from relume.record.graph.op_names import AFFINE, BATCH_NORM, NORM, RESHAPE
from relume.record.graph.recompute import output_of
from relume.record.measure.act_stats import sample
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.sites import SiteCall, Sites, source_of
from relume.record.store.run_file import Writer

ALIKE = 1e-6  # variance over mean square: three digits of rows that differ (page of ACT405)
ALIKE_PAIRS = 0.05  # of an embedding: two rows have a cosine of 0.95 (page of ACT405)
LEAST_UNITS = 8  # of an embedding; a critic has one
MOST_ROWS = 256
LEAST_ROWS = 8
MOST_ENDS = 8  # embeddings that are followed: a pair of encoders has two
MOST_PLACES = 400  # of one graph; those nearest to the loss are left out beyond that
NEAREST = 8  # places that are remembered as the nearest ones upstream
MOST_LINES = 600  # nodes whose source line is read, on the first record that has lines
SOURCES = frozenset({"EmbeddingBackward", "EmbeddingBagBackward", "MkldnnRnnLayerBackward"})


@dataclass(slots=True)
class RowPlace:
    """A tensor of the graph whose rows are compared.

    Attributes:
        node: the operation that keeps it.
        after: it is the operation's output, and not its input.
        act: the operation is an act.
        upstream: the nearest places before it; None stands for data.
        share: variance over rows / mean square, averaged over units.
    """

    node: AutogradNode
    after: bool
    act: bool = False
    upstream: frozenset["int | None"] = frozenset()
    share: float = 1.0


@dataclass(slots=True)
class Collapse:
    """What was seen of one place at which rows became alike."""

    first: int
    data: dict[str, Any] = field(default_factory=dict[str, Any])
    records: int = 0
    streak: int = 0
    seen: int = 0


class RowDependence(FactAudit):
    """Writes at which layer rows become alike, and how far they differ elsewhere."""

    def __init__(self, sites: Sites, writer: Writer) -> None:
        super().__init__(sites, writer)
        self._found: dict[str, Collapse] = {}
        self._lines: dict[tuple[int, int], tuple[str, int]] = {}
        self._records = 0
        self._whole: dict[str, Any] = {}

    def read(
        self, graph: AutogradGraph, calls: Sequence[SiteCall], trace: ModuleTrace, step: int
    ) -> None:
        """Compare the rows of every place of one graph.

        Args:
            graph: as walked from the loss, before backward.
            calls: the acts in it.
            trace: which module was open when.
            step: the current step.
        """
        self._read_lines(graph)
        places = _places(graph, {c.node: c.state.axis for c in calls if c.node is not None})
        if not places:
            return
        self._records += 1
        self._note_whole(places, step)
        if criterion(graph).name == "unknown":
            self._note_end(places, trace, step)
        alike = [at for at, place in enumerate(places) if place.share < ALIKE]
        first = [at for at in alike if _begins(places, at)]
        for at in first[:2]:
            self._write(graph, places, at, trace, step)
        if self._records & (self._records - 1) == 0:
            self.write_whole()

    def _note_whole(self, places: Sequence[RowPlace], step: int) -> None:
        """Note how far rows differ."""
        least = min(place.share for place in places)
        self._whole |= {"places": len(places), "least": least}
        self._whole |= {"records": self._records, "last": step}

    def _note_end(self, places: Sequence[RowPlace], trace: ModuleTrace, step: int) -> None:
        """Note an embedding: of the wide outputs that no layer follows, the one most alike.

        Each is followed by its own records: a probe, or a second loss, is another graph.
        """
        wide = [p for p in places if p.after and not p.act and _units_of(p) >= LEAST_UNITS]
        end = min(wide, key=lambda place: place.share, default=None)
        if end is None:
            return
        ends: dict[str, dict[str, Any]] = self._whole.setdefault("ends", {})
        site = self._site(end.node, trace)
        if site not in ends and len(ends) >= MOST_ENDS:
            return
        known = ends.setdefault(site, {"alike": 0})
        known["alike"] = known["alike"] + 1 if end.share < ALIKE_PAIRS else 0
        known |= {"share": end.share, "last": step}
        if known["alike"] <= 1:
            known["since"] = step

    def write_whole(self) -> None:
        """Write how far rows differ over the whole network."""
        if self._whole:
            self._writer.replace_fact(Fact("rows", "", 0, dict(self._whole)))

    def _write(
        self,
        graph: AutogradGraph,
        places: Sequence[RowPlace],
        at: int,
        trace: ModuleTrace,
        step: int,
    ) -> None:
        place = places[at]
        above = [places[u] for u in place.upstream if u is not None]
        last = max(above, key=lambda one: one.node._sequence_nr(), default=None)
        node, how = self._culprit(graph, place, last)
        site = self._site(node, trace)
        known = self._found.setdefault(site, Collapse(step))
        known.records += 1
        known.streak = known.streak + 1 if known.seen == self._records - 1 else 1
        known.seen = self._records
        file, line = source_of(node)
        if not line:
            where = (len(graph.nodes), graph.nodes.index(node))
            file, line = self._lines.get(where, ("", 0))
        if line or "line" not in known.data:
            known.data |= {"file": file, "line": line}
        known.data |= {
            "how": how,
            "operation": kind(node).removesuffix("Backward"),
            "share": place.share,
            "before": last.share if last is not None else None,
            "rows": _rows_of(place),
            "records": known.records,
            "streak": known.streak,
            "last": step,
        }
        self._writer.replace_fact(Fact("rows", site, known.first, known.data))

    def _culprit(
        self, graph: AutogradGraph, place: RowPlace, last: RowPlace | None
    ) -> tuple[AutogradNode, str]:
        """Return the operation between two places that made rows alike, and how.

        ``weights``: an affine layer whose output is its bias; ``zeros``: its output is zero (a
        branch that begins at zero, on purpose or not); ``act``: rows differ before the act
        and not after it; ``operation``: a mean, a norm, an index.
        """
        if last is not None and kind(last.node) in AFFINE and not last.after:
            output = output_of(last.node, 0)
            if output is not None and len(output) >= LEAST_ROWS and _share(output) < ALIKE:
                return last.node, "weights" if bool(output.any()) else "zeros"
            if output is None and _takes_zeros(place):  # torch has not kept the weights
                return last.node, "zeros"
        if place.act and place.after:
            return place.node, "act"
        if last is not None and last.act and not last.after:
            return last.node, "act"
        begin = -1 if last is None else last.node._sequence_nr() + (last.after or _passes(last))
        between = [
            node
            for node in _back(place.node, begin)
            if kind(node) not in RESHAPE and kind(node) not in AFFINE
        ]
        return (between[-1] if between else place.node), "operation"

    def _site(self, node: AutogradNode, trace: ModuleTrace) -> str:
        path = self._sites.layer_path(node, trace)
        return path or self._sites.names.path(trace.owner(node._sequence_nr())) or "loss"

    def _read_lines(self, graph: AutogradGraph) -> None:
        if self._lines or "traceback_" not in graph.root.metadata:
            return
        size = len(graph.nodes)
        wanted = [at for at, node in enumerate(graph.nodes) if kind(node) not in RESHAPE]
        for at in wanted[:MOST_LINES]:
            self._lines[size, at] = source_of(graph.nodes[at])


def _takes_zeros(place: RowPlace) -> bool:
    """Whether what enters an affine layer is zero throughout."""
    if place.after or kind(place.node) not in AFFINE:
        return False
    value = saved(place.node, AFFINE[kind(place.node)].saved_data)
    return isinstance(value, Tensor) and not bool(value.any())


def _passes(place: RowPlace) -> bool:
    """Whether the place's own operation cannot have made rows alike: an affine layer that did
    not (its output was compared)."""
    return kind(place.node) in AFFINE


def _back(node: AutogradNode, begin: int) -> Iterator[AutogradNode]:
    """Yield the operations that feed a node, newest first, down to a sequence number."""
    todo = [source for source in inputs(node) if source is not None]
    seen = set(todo)
    while todo:
        todo.sort(key=lambda one: one._sequence_nr())
        current = todo.pop()
        if is_leaf(current) or current._sequence_nr() < begin:
            continue
        yield current
        for source in inputs(current):
            if source is not None and source not in seen:
                seen.add(source)
                todo.append(source)


def _begins(places: Sequence[RowPlace], at: int) -> bool:
    """Whether rows differ in what the place depends on; a learned constant never depended on
    them."""
    upstream = places[at].upstream
    return bool(upstream) and all(u is None or places[u].share >= ALIKE for u in upstream)


def _units_of(place: RowPlace) -> int:
    shape = output_shape(place.node)
    return int(shape[-1]) if shape else 0


def _rows_of(place: RowPlace) -> int:
    shape = output_shape(place.node)
    return int(shape[0]) if shape else 0


def _places(graph: AutogradGraph, axes: dict[AutogradNode, int]) -> list[RowPlace]:
    """Return the places of a graph in forward order, with their shares and what is upstream."""
    places: list[RowPlace] = []
    shares: list[Tensor] = []
    nearest: dict[AutogradNode, frozenset[int | None]] = {}
    feeding: set[AutogradNode] = set()
    for node in graph.nodes:
        before = frozenset[int | None]().union(
            *(nearest.get(s, ()) for s in inputs(node) if s is not None)
        )
        known = _tensor_of(graph, node, axes) if len(places) < MOST_PLACES else None
        if known is not None:
            rows, place = known
            data = kind(node) in AFFINE and _is_data(node)
            place.upstream = frozenset() if data else before
            places.append(place)
            shares.append(_measured(rows))
            before = frozenset((len(places) - 1,))
            feeding.update(s for s in inputs(node) if s is not None)
        elif kind(node) in SOURCES:
            before = frozenset((None,))
        nearest[node] = (
            before if len(before) <= NEAREST else frozenset(sorted(before, key=_order)[-NEAREST:])
        )
    _add_ends(graph, places, shares, nearest)
    for place, share in zip(places, _numbers(shares), strict=True):
        place.share = share
    return places


def _order(place: int | None) -> int:
    return -1 if place is None else place


def _add_ends(
    graph: AutogradGraph,
    places: list[RowPlace],
    shares: list[Tensor],
    nearest: dict[AutogradNode, frozenset[int | None]],
) -> None:
    """Add the outputs of the layers that no other place follows."""
    followed = {u for place in places for u in place.upstream}
    for at, place in enumerate(list(places)):
        if at in followed or place.after or kind(place.node) not in AFFINE:
            continue
        output = output_of(place.node, 0)
        if output is not None and len(output) >= LEAST_ROWS:
            places.append(RowPlace(place.node, True, upstream=frozenset((at,))))
            shares.append(_measured(output[:MOST_ROWS]))


def _is_data(node: AutogradNode) -> bool:
    source = inputs(node)[AFFINE[kind(node)].data]
    return source is None or is_leaf(source)


def _tensor_of(
    graph: AutogradGraph, node: AutogradNode, axes: dict[AutogradNode, int]
) -> tuple[Tensor, RowPlace] | None:
    """Return sampled rows (rows, units) of what a node keeps; None where it keeps nothing."""
    name = kind(node)
    if node in graph.sealed or node in graph.derived:
        return None
    if name in AFFINE:
        if is_leaf(inputs(node)[AFFINE[name].data]) and not _is_weighted(node):
            return None
        value, after, act = saved(node, AFFINE[name].saved_data), False, False
        axis = 1 if name == "ConvolutionBackward" else -1
    elif name in NORM:
        value, after, act = saved(node, "_saved_input"), False, False
        axis = 1 if name in BATCH_NORM else -1
    elif name_of(node) in by_node() and node in axes:
        spec = by_node()[name_of(node)][1]
        value, after, act = spec.read(node), spec.holds == "post", True
        axis = axes[node]
    else:
        return None
    if not isinstance(value, Tensor) or not value.is_floating_point() or value.dim() < 2:
        return None
    axis = axis % value.dim() if axis < value.dim() else value.dim() - 1
    rows = sample(value, axis, 0)
    rows = rows[:: max(1, len(rows) // MOST_ROWS)][:MOST_ROWS]
    return (rows, RowPlace(node, after, act)) if len(rows) >= LEAST_ROWS else None


def _is_weighted(node: AutogradNode) -> bool:
    return kind(node) in AFFINE and saved(node, AFFINE[kind(node)].saved_data) is not None


def _measured(rows: Tensor) -> Tensor:
    """Variance over rows / mean square, over all units together."""
    rows = as_float64(rows)
    centred = rows - rows.mean(0)
    return centred.square_().mean() / rows.square().mean().clamp(min=1e-300)


def _share(rows: Tensor) -> float:
    return float(_measured(rows))


def _numbers(shares: Sequence[Tensor]) -> list[float]:
    """Return the shares as numbers, with one wait for the device; one that is not finite is 1."""
    if not shares:
        return []
    device = shares[0].device
    values: list[float] = cast(Any, torch.stack([share.to(device) for share in shares])).tolist()
    return [value if value == value else 1.0 for value in values]
