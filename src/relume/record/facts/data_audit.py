"""Finds the first inputs and the first targets of a training that are not finite."""

from collections.abc import Iterator

import torch
from torch import Tensor

from relume.core import Fact, Value
from relume.instrument.float64 import as_float64
from relume.record.facts.fact_audit import FactAudit
from relume.record.graph import criterion, criterion_targets
from relume.record.graph.affine_structure import data_inputs
from relume.record.graph.autograd_graph import AutogradGraph, AutogradNode, kind, saved
from relume.record.graph.recompute import output_of
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.sites import Sites
from relume.record.store.run_file import Writer


class DataAudit(FactAudit):
    """Writes one fact ``wiring`` for each place at which broken data enter."""

    def __init__(self, sites: Sites, writer: Writer) -> None:
        super().__init__(sites, writer)
        self._written: set[str] = set()

    def read(
        self,
        graph: AutogradGraph,
        trace: ModuleTrace,
        step: int,
        *,
        stepped: bool,
        target: Tensor | None = None,
    ) -> None:
        """Write the first inputs and the first targets that are not finite.

        Args:
            graph: as walked from the loss.
            trace: which module was open when.
            step: the current step.
            stepped: an optimiser has stepped; its step is counted when it is made.
            target: the targets, where the criterion raised and is in no graph.
        """
        given = [] if target is None else [("target", None, target)]
        for what, node, data in (*given, *_data(graph)):
            layer = "" if node is None else self._sites.layer_path(node, trace)
            site = f"{layer}.input" if layer and what == "input" else what
            if site in self._written:
                continue
            total = float(data.detach().sum())
            if total - total == 0.0:
                continue  # a sum is finite only where all entries are
            bad = ~torch.isfinite(data.detach())
            if not bool(bad.any()):
                continue
            self._written.add(site)
            described = {"what": what, **_described(data, bad)}
            self._writer.replace_fact(Fact("wiring", site, step + stepped, described))


def _described(data: Tensor, bad: Tensor) -> dict[str, Value]:
    """Say how much of the data is bad, and in which row first."""
    rows = bad.reshape(bad.shape[0], -1).any(1) if bad.dim() else bad.reshape(1)
    return {
        "share": float(as_float64(bad).mean()),
        "rows": int(rows.numel()),
        "bad_rows": int(rows.sum()),
        "first_row": int(rows.nonzero()[0, 0]),
        "value": "NaN" if bool(torch.isnan(data).any()) else "infinity",
    }


def _data(graph: AutogradGraph) -> Iterator[tuple[str, AutogradNode | None, Tensor]]:
    """Yield the data that enter a graph: inputs with their node, and floating targets."""
    inputs = list(data_inputs(graph))
    for node, data in inputs:
        yield "input", node, data
    spec = criterion.criterion(graph)
    if spec.name == "kl_div":
        return  # the logarithm of a probability of zero is -inf
    head = criterion.head(spec)
    target = criterion_targets.targets(spec)
    if target is None:
        target = criterion_targets.handwritten_targets(spec, head)
    if target is None and head.affine is not None and kind(spec.node) in criterion.BY_HAND:
        # the difference to the output, where only some rows of it are taken
        difference, output = saved(spec.node, "_saved_self"), output_of(head.affine, 0)
        if output is not None and bool(torch.isfinite(output).all()):
            target = difference
    if isinstance(target, Tensor) and target.is_floating_point():
        yield "target", None, target
