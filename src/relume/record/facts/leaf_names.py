"""Names leaves of the graph that no module registers, and says which operation cuts them off."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from types import FrameType

from torch import Tensor

from relume.instrument.module_names import user_frame
from relume.record.facts.attribute_paths import attribute_paths
from relume.record.facts.wiring_leaf import LeafAudit
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    kind,
    leaf_of,
    output_shape,
    weight_of,
)
from relume.record.graph.op_names import AFFINE
from relume.record.graph.zero_slope import leaves_past, zero_slope_nodes
from relume.record.sites.qualified_names import QualifiedNames
from relume.record.sites.sites import source_of

SEARCHES = 3  # audits on which the objects of the program are searched for names


class LeafNames:
    """Names leaves by the attribute or variable that holds them, and by the line that uses them.

    Args:
        names: the names of the run's modules and parameters.

    Attributes:
        paths: by a tensor's id, what holds it.
    """

    def __init__(self, names: QualifiedNames) -> None:
        self._qualified = names
        self.paths: dict[int, str] = {}
        self._searches = 0
        self._of_models: frozenset[int] = frozenset()

    def search(self) -> None:
        """Look for the attributes and variables that hold tensors, on a few audits only."""
        if self._searches < SEARCHES:
            self._searches += 1
            roots = [(self._qualified.path(root), root) for root in self._qualified.roots()]
            frames = () if self._qualified.explicit else _user_frames()
            self.paths, self._of_models = attribute_paths(roots, frames)

    def name(
        self, graph: AutogradGraph, unnamed: Sequence[Tensor], leaves: Mapping[int, LeafAudit]
    ) -> None:
        """Name leaves that no module registers by attribute, else by the line that uses them."""
        self.search()
        wanted = {id(tensor) for tensor in unnamed}
        rows = _rows(graph)
        for node in graph.nodes:
            for source, _ in node.next_functions:
                tensor = leaf_of(source)
                if tensor is None or id(tensor) not in wanted:
                    continue
                leaf = leaves[id(tensor)]
                leaf.line = leaf.line if leaf.line[1] else source_of(node)
                weight = weight_of(node) if kind(node) in AFFINE else None
                as_weight = weight is not None and weight.data_ptr() == tensor.data_ptr()
                path = self.paths.get(id(tensor), "")
                leaf.parameter |= as_weight and not self._qualified.explicit
                if path and not leaf.name:
                    leaf.name = path
                    # a tensor of the model, or a variable of the script; points at which an
                    # equation holds are data, wherever they are kept
                    is_data = tensor.dim() > 0 and tensor.shape[0] in rows and not as_weight
                    held = id(tensor) in self._of_models or "." in path or "[" in path
                    leaf.parameter |= held and not is_data


def _rows(graph: AutogradGraph) -> set[int]:
    """How many rows the layers of a graph give."""
    shapes = (output_shape(node) for node in graph.nodes if kind(node) in AFFINE)
    return {shape[0] for shape in shapes if shape}


def find_cuts(graph: AutogradGraph, leaves: Mapping[int, LeafAudit]) -> None:
    """Find leaves that every path from the loss reaches through an operation without slope."""
    flat = zero_slope_nodes(graph)
    if not flat:
        return
    live = leaves_past(graph, flat)
    wall = flat[-1]
    file, line = source_of(wall)
    for tensor in graph.leaves:
        leaf = leaves.get(id(tensor))
        if leaf is not None and id(tensor) not in live and not leaf.cut[2]:
            leaf.cut = kind(wall).removesuffix("Backward").lower(), file, line


def _user_frames() -> Iterator[FrameType]:
    """Yield the frames that run the user's code, the innermost first."""
    frame = user_frame(sys._getframe(1))
    while frame is not None:
        yield frame
        frame = user_frame(frame.f_back)
