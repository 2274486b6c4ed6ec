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
MOST_BACKWARDS = 2  # read on one recorded step; further micro-batches are not


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
        fact_log: FactLog,
        scaling: GradScaling,
        on_error: Callable[[str, Exception], None],
        *,
        exact: bool = False,
    ) -> None:
        self.names = names
        self.sites = sites
        self.fact_log = fact_log
        self.module_trace = ModuleTrace()
        self.act_capture = ActCapture(self.module_trace, on_error)
        self._module_hooks = ModuleHooks(
            names, self.module_trace, self.act_capture, on_error, self._add_cost, exact=exact
        )
        self._reader = GraphReader(names, sites, fact_log, self.module_trace, self.act_capture)
        self._parameter_stats = ParameterStats(names, fact_log)
        self.step_record: StepRecord | None = None
        self.reach: frozenset[int] | None = None
        self.several = False
        self._scaling = scaling
        self._on_error = on_error
        self._exact = exact
        self._force_eager = ForceEager()
        self._leaves: list[Tensor] = []
        self._backwards_read = 0  # backwards read on this step
        self._early_cost = 0.0  # time spent in module hooks before there is a look to book it on
        self._step_handle: Any = None
        self._skips_module_hooks = False  # module hooks are out on this step
        self._anomaly = self._anomaly_was_set = False
        self._thread = 0
        self._step = 0

    # ------------------------------------------------------------------ on and off

    @property
    def armed(self) -> bool:
        """Whether the hooks of a recorded step are in torch."""
        return self._step_handle is not None

    @property
    def expects_backward(self) -> bool:
        """Whether another backward of this step is to be read."""
        return self._step_handle is not None and self._backwards_read < MOST_BACKWARDS

    def arm(self, record: int = 0) -> None:
        """Put the hooks of a recorded step into torch; one recorded step may follow another.

        Args:
            record: the number of the record to come.
        """
        self._backwards_read = 0
        self._leaves = []
        self.act_capture.close()
        self.act_capture.clear()
        self.act_capture.phase = record
        self.force_eager()
        self._skips_module_hooks = (
            self._reader.expects_hit and not self.several and not is_deep(record)
        )
        if self._skips_module_hooks:
            self._module_hooks.close()
        else:
            self._module_hooks.open()
        if self._step_handle is None:
            self._early_cost = 0.0
            self._thread = get_ident()
            self._step_handle = register_optimizer_step_pre_hook(self._on_optimizer_step)
        self._begin_anomaly()

    def force_eager(self) -> None:
        """Compiled models run eagerly from here to the end of the recorded step."""
        if not self._exact:
            self._force_eager.force()

    def disarm(self) -> None:
        """Take the hooks out of torch and forget the step. Twice is fine."""
        if self._step_handle is not None:
            self._step_handle.remove()
            self._step_handle = None
        self._module_hooks.close()
        self.end_anomaly()
        self._force_eager.restore()
        self._parameter_stats.forget()
        self.step_record = None
        self._leaves = []

    def _begin_anomaly(self) -> None:
        if self.fact_log.lines_wanted and not torch.is_anomaly_enabled():
            torch.set_anomaly_enabled(True, False)  # notes where nodes are made; off in backward
            self._anomaly = self._anomaly_was_set = True

    def end_anomaly(self) -> None:
        """Stop noting source lines: before backward, which would pay for them."""
        # Lightning's trainer keeps the mode that it finds and gives it back when it ends; nobody
        # but us asks for it without the check for NaN.
        anomaly_was_kept = self._anomaly_was_set and torch.is_anomaly_enabled()
        if self._anomaly or (anomaly_was_kept and not torch.is_anomaly_check_nan_enabled()):
            torch.set_anomaly_enabled(False, True)
            self._anomaly = False

    def _add_cost(self, start: float) -> None:
        if self.step_record is None:
            self._early_cost += perf_counter() - start
        else:
            self.step_record.add_cost(perf_counter() - start)

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
        cached = self._reader.lookup(graph) if self._skips_module_hooks else None
        if cached is None and self.names.explicit and not self._reader.concerns(graph):
            return False
        self._backwards_read += 1
        self._step = step
        if self.step_record is None:
            self.step_record = StepRecord(record, is_deep(record), self._on_error)
        self.step_record.unscale = self._scaling.inverse()
        with untraced():
            if cached is not None:
                self._reader.read_cached(self.step_record, graph, cached)
            elif not self._skips_module_hooks:
                self._reader.read(self.step_record, graph, step)
        self._leaves = graph.leaves
        self.reach = frozenset(map(id, graph.leaves))
        if self.several or record < DEEP_FIRST:
            self.reach |= self._reader.frozen_parameters(graph)
        self.step_record.add_cost(perf_counter() - start + self._early_cost)
        self._early_cost = 0.0
        return True

    def read_inner(self, tensors: Iterable[Tensor]) -> None:
        """Read the graph that a reentrant checkpoint made inside of backward.

        Args:
            tensors: on which it is about to call backward.
        """
        step_record = self.step_record
        if step_record is None or get_ident() != self._thread:
            return
        start = perf_counter()
        outer: Any = torch._C._current_autograd_node()
        for tensor in tensors:
            if tensor.grad_fn is None:
                continue
            graph = walk(tensor.grad_fn)
            with untraced():
                self._reader.read_inside(step_record, graph, outer)
            self._leaves = [*self._leaves, *graph.leaves]
        step_record.add_cost(perf_counter() - start)

    @property
    def update_cosine(self) -> UpdateCosine:
        """Follows the updates of some steps by one step more."""
        return self._parameter_stats.update_cosine

    def read_gradients(self) -> None:
        """After backward: the parameters' gradients, before any clipping."""
        step_record = self.step_record
        if step_record is None:
            return
        start = perf_counter()
        with untraced():
            self._parameter_stats.gradients(step_record, self._leaves)
        step_record.add_cost(perf_counter() - start)

    def read_updates(self, optimizer: Optimizer | None = None) -> None:
        """After the optimiser's step: how far it moved the weights.

        Args:
            optimizer: the one that stepped.
        """
        update_cosine = self.update_cosine
        if update_cosine.waiting and optimizer is not None:
            start = perf_counter()
            with untraced():
                update_cosine.step(optimizer)
            self._add_cost(start)
        step_record = self.step_record
        if step_record is None:
            return
        start = perf_counter()
        follow = optimizer if step_record.phase % FOLLOW_EVERY == 0 else None
        with untraced():
            self._parameter_stats.updates(step_record, self._step, follow)
        step_record.add_cost(perf_counter() - start)

    def skip(self, record: int) -> None:
        """The step was not taken (an overflow under loss scaling): read the next one instead.

        Args:
            record: the number of the record that is still to come.
        """
        if self._step_handle is not None and self._backwards_read:
            self.step_record = None
            self.arm(record)

    def is_watched(self, optimizer: Optimizer) -> bool:
        """Whether an optimiser steps a watched parameter."""
        if not self.names.explicit:
            return True
        parameters = (p for group in optimizer.param_groups for p in group["params"])
        return any(self.names.parameter(p) is not None for p in parameters)

    def _on_optimizer_step(self, optimizer: Optimizer, args: object, keywords: object) -> None:
        self.before_step(optimizer)

    def before_step(self, optimizer: Optimizer) -> None:
        """An optimiser is about to step."""
        # Also where there is no look yet: LBFGS, and frameworks that hand over a closure, call
        # backward inside of the step.
        start = perf_counter()
        try:
            if not self.is_watched(optimizer):
                return
            with untraced():
                self._parameter_stats.before_step(self.step_record, optimizer, self._step)
        except Exception as error:
            self._on_error("before the optimiser", error)
        self._add_cost(start)
