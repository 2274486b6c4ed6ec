"""Finds networks that run without a gradient beside one of the same shape that trains.

A target network, a teacher or a moving average: it may make the targets of the loss, and then a
lower loss is not a better network. Whether its weights ever change is compared bit by bit.
"""

import weakref
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from relume.core import Fact
from relume.instrument.module_names import holder_of
from relume.record.facts.fact_audit import FactAudit
from relume.record.facts.wiring_leaf import sample
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.sites import Sites
from relume.record.store.run_file import Writer

MOST = 8  # networks that are followed


@dataclass(slots=True)
class Beside:
    """A network that runs without a gradient.

    Attributes:
        name: that of its variable.
        like: the name of the network of the same shape that trains.
        first: its sampled weights when it was first seen.
        records: recorded steps on which it ran.
        changed: a weight was another one on a later record.
    """

    name: str
    like: str
    first: list[Tensor]
    since: int
    records: int = 0
    changed: bool = False


class TargetNetworks(FactAudit):
    """Writes one fact for each network that runs without a gradient on recorded steps."""

    def __init__(self, sites: Sites, writer: Writer) -> None:
        super().__init__(sites, writer)
        self._known: dict[int, tuple[weakref.ref[nn.Module], Beside | None]] = {}

    def read(self, trace: ModuleTrace, step: int) -> None:
        """Note the networks that have run without a gradient since the last record.

        Args:
            trace: which modules ran; it forgets those without a gradient.
            step: the current step.
        """
        beside, trace.beside = trace.beside, {}
        for number, ref in beside.items():
            module = ref()
            if module is None:
                continue
            known = self._known.get(number)
            if known is None or known[0]() is not module:
                if len(self._known) >= MOST:
                    continue
                known = self._known[number] = (ref, self._of(module, step))
            if (one := known[1]) is not None:
                one.records += 1
                if one.records & (one.records - 1) == 0:  # comparing waits for the device
                    one.changed = one.changed or not _same(one.first, module)
                    self._write(one)

    def finish(self) -> None:
        """Write what is known at the end of the run."""
        for ref, one in self._known.values():
            if one is not None:
                module = ref()
                one.changed = one.changed or (module is not None and not _same(one.first, module))
                self._write(one)

    def _of(self, module: nn.Module, step: int) -> Beside | None:
        """What is followed of a network; None of one that trains, or is like none that does."""
        roots = self._sites.names.roots()
        shapes = [parameter.shape for parameter in module.parameters()]
        if not shapes or any(part is module for root in roots for part in root.modules()):
            return None
        for root in roots:
            if [parameter.shape for parameter in root.parameters()] == shapes:
                first = [sample(p).clone() for p in module.parameters()]
                return Beside(holder_of(module)[1], holder_of(root)[1], first, step)
        return None

    def _write(self, one: Beside) -> None:
        data = {"like": one.like, "records": one.records, "changed": one.changed}
        self._writer.replace_fact(Fact("target-network", one.name, one.since, data))


def _same(first: list[Tensor], module: nn.Module) -> bool:
    now = [sample(parameter) for parameter in module.parameters()]
    return len(now) == len(first) and all(map(torch.equal, first, now))
