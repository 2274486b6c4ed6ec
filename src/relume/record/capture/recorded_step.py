"""The recorded step: what is in torch while it lasts, and what is read on it.

Two global module hooks note which module is open (`doors.py`); just before `backward` the graph is
walked from the loss; after it the gradients are read; around the optimiser's step the weights.
Compiled models run eagerly, and where there is no graph to read a function mode takes the acts
(`tap.py`). Once several steps in a row have made the same graph, the module hooks stay out but for
every eighth record, whose whole way is looked at again.
"""

from collections.abc import Callable, Iterable
from threading import get_ident
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook

from relume.record.capture.graph_reader import DEEP_FIRST, GraphReader, is_deep
from relume.record.capture.parameter_stats import ParameterStats
from relume.record.capture.step_record import StepRecord
from relume.record.facts.fact_log import FactLog
from relume.record.graph.autograd_graph import walk
from relume.record.hooks.grad_scaling import GradScaling
from relume.record.hooks.torch_state import ForceEager, untraced
from relume.record.measure.update_cosine import UpdateCosine
from relume.record.sites.function_mode import ActCapture
from relume.record.sites.module_hooks import ModuleHooks
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.qualified_names import QualifiedNames
from relume.record.sites.sites import Sites

FOLLOW_EVERY = 4  # records after which the next update is compared with this one
BACKWARDS_A_STEP = 2  # read on one recorded step; further micro-batches are not


class RecordedStep:
    """Arms a step, reads it, and disarms it.

    Args:
        names, sites, notes: of the run.
        scaling: the gradient scaler's factor.
        fail: told of a failure of ours: where, and the exception.
        exact: do nothing that could change a bit of the user's results.

    Attributes:
        look: what was read on this step so far; None if nothing was.
        marks: entries and exits of modules on this step.
        armed: whether the hooks of a recorded step are in torch.
        reach: ids of the parameters that the loss last read depends on.
        several: several optimisers step, so a loss may go through a model that is held still.
    """

    def __init__(
        self,
        names: QualifiedNames,
        sites: Sites,
        notes: FactLog,
        scaling: GradScaling,
        fail: Callable[[str, Exception], None],
        *,
        exact: bool = False,
    ) -> None:
        self.names = names
        self.sites = sites
        self.notes = notes
        self.marks = ModuleTrace()
        self.tap = ActCapture(self.marks, fail)
        self._doors = ModuleHooks(names, self.marks, self.tap, fail, self._spend, exact=exact)
        self._reader = GraphReader(names, sites, notes, self.marks, self.tap)
        self._moves = ParameterStats(names, notes)
        self.look: StepRecord | None = None
        self.reach: frozenset[int] | None = None
        self.several = False
        self._scaling = scaling
        self._fail = fail
        self._exact = exact
        self._stance = ForceEager()
        self._leaves: list[Tensor] = []
        self._count = 0  # backwards read on this step
        self._early = 0.0  # time spent in module hooks before there is a look to book it on
        self._handle: Any = None
        self._light = False  # module hooks are out on this step
        self._anomaly = self._noted = False
        self._thread = 0
        self._step = 0

    # ------------------------------------------------------------------ on and off

    @property
    def armed(self) -> bool:
        """Whether the hooks of a recorded step are in torch."""
        return self._handle is not None

    @property
    def open(self) -> bool:
        """Whether another backward of this step is to be read."""
        return self._handle is not None and self._count < BACKWARDS_A_STEP

    def arm(self, record: int = 0) -> None:
        """Put the hooks of a recorded step into torch; one recorded step may follow another.

        Args:
            record: the number of the record to come.
        """
        self._count = 0
        self._leaves = []
        self.tap.shut()
        self.tap.forget()
        self.tap.phase = record
        self.eager()
        self._light = self._reader.steady and not self.several and not is_deep(record)
        if self._light:
            self._doors.shut()
        else:
            self._doors.open()
        if self._handle is None:
            self._early = 0.0
            self._thread = get_ident()
            self._handle = register_optimizer_step_pre_hook(self._hear_step)
        self._begin_anomaly()

    def eager(self) -> None:
        """Compiled models run eagerly from here to the end of the recorded step."""
        if not self._exact:
            self._stance.force()

    def disarm(self) -> None:
        """Take the hooks out of torch and forget the step. Twice is fine."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None
        self._doors.shut()
        self.end_anomaly()
        self._stance.restore()
        self._moves.forget()
        self.look = None
        self._leaves = []

    def _begin_anomaly(self) -> None:
        if self.notes.lines_wanted and not torch.is_anomaly_enabled():
            torch.set_anomaly_enabled(True, False)  # notes where nodes are made; off in backward
            self._anomaly = self._noted = True

    def end_anomaly(self) -> None:
        """Stop noting source lines: before backward, which would pay for them."""
        # Lightning's trainer keeps the mode that it finds and gives it back when it ends; nobody
        # but us asks for it without the check for NaN.
        kept = self._noted and torch.is_anomaly_enabled()
        if self._anomaly or (kept and not torch.is_anomaly_check_nan_enabled()):
            torch.set_anomaly_enabled(False, True)
            self._anomaly = False

    def _spend(self, start: float) -> None:
        if self.look is None:
            self._early += perf_counter() - start
        else:
            self.look.add_cost(perf_counter() - start)

    # ------------------------------------------------------------------ reading

    def read(self, loss: Tensor, step: int, record: int) -> bool:
        """Read the graph behind a loss; False if no watched model is in it.

        Args:
            loss: on which backward is about to be called.
            step: the current step.
            record: the number of the record.
        """
        start = perf_counter()
        self.reach = None
        if loss.grad_fn is None or get_ident() != self._thread:
            return True
        graph = walk(loss.grad_fn)
        known = self._reader.known(graph) if self._light else None
        if known is None and self.names.given and not self._reader.concerns(graph):
            return False
        self._count += 1
        self._step = step
        if self.look is None:
            self.look = StepRecord(record, is_deep(record), self._fail)
        self.look.unscale = self._scaling.inverse()
        with untraced():
            if known is not None:
                self._reader.read_known(self.look, graph, known)
            elif not self._light:
                self._reader.read(self.look, graph, step)
        self._leaves = graph.leaves
        self.reach = frozenset(map(id, graph.leaves))
        if self.several or record < DEEP_FIRST:
            self.reach |= self._reader.held_still(graph)
        self.look.add_cost(perf_counter() - start + self._early)
        self._early = 0.0
        return True

    def read_inner(self, tensors: Iterable[Tensor]) -> None:
        """Read the graph that a reentrant checkpoint made inside of backward.

        Args:
            tensors: on which it is about to call backward.
        """
        look = self.look
        if look is None or get_ident() != self._thread:
            return
        start = perf_counter()
        outer: Any = torch._C._current_autograd_node()
        for tensor in tensors:
            if tensor.grad_fn is None:
                continue
            graph = walk(tensor.grad_fn)
            with untraced():
                self._reader.read_inside(look, graph, outer)
            self._leaves = [*self._leaves, *graph.leaves]
        look.add_cost(perf_counter() - start)

    @property
    def turning(self) -> UpdateCosine:
        """Follows the updates of some steps by one step more."""
        return self._moves.turning

    def read_gradients(self) -> None:
        """After backward: the parameters' gradients, before any clipping."""
        look = self.look
        if look is None:
            return
        start = perf_counter()
        with untraced():
            self._moves.gradients(look, self._leaves)
        look.add_cost(perf_counter() - start)

    def read_updates(self, optimizer: Optimizer | None = None) -> None:
        """After the optimiser's step: how far it moved the weights.

        Args:
            optimizer: the one that stepped.
        """
        turning = self.turning
        if turning.waiting and optimizer is not None:
            start = perf_counter()
            with untraced():
                turning.step(optimizer)
            self._spend(start)
        look = self.look
        if look is None:
            return
        start = perf_counter()
        follow = optimizer if look.phase % FOLLOW_EVERY == 0 else None
        with untraced():
            self._moves.updates(look, self._step, follow)
        look.add_cost(perf_counter() - start)

    def skip(self, record: int) -> None:
        """The step was not taken (an overflow under loss scaling): read the next one instead.

        Args:
            record: the number of the record that is still to come.
        """
        if self._handle is not None and self._count:
            self.look = None
            self.arm(record)

    def is_ours(self, optimizer: Optimizer) -> bool:
        """Whether an optimiser steps a watched parameter."""
        if not self.names.given:
            return True
        parameters = (p for group in optimizer.param_groups for p in group["params"])
        return any(self.names.parameter(p) is not None for p in parameters)

    def _hear_step(self, optimizer: Optimizer, args: object, keywords: object) -> None:
        self.before_step(optimizer)

    def before_step(self, optimizer: Optimizer) -> None:
        """An optimiser is about to step."""
        # Also where there is no look yet: LBFGS, and frameworks that hand over a closure, call
        # backward inside of the step.
        start = perf_counter()
        try:
            if not self.is_ours(optimizer):
                return
            with untraced():
                self._moves.before(self.look, optimizer, self._step)
        except Exception as error:
            self._fail("before the optimiser", error)
        self._spend(start)
