"""Arms, reads and disarms one recorded step.

Two global module hooks record which module is open (`sites/module_hooks.py`). Just before
`backward` the graph is walked from the loss; after it the gradients are read; around the
optimiser's step the weights are read. Compiled models run eagerly. Where there is no graph to read,
a function mode captures the acts (`sites/function_mode.py`).
"""

import sys
from collections.abc import Callable, Iterable
from threading import get_ident
from time import thread_time
from typing import Any

import numpy as np
from torch import Tensor
from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook

from relume.instrument.force_eager import ForceEager
from relume.instrument.grad_scaling import GradScaling
from relume.instrument.module_names import user_frame
from relume.instrument.private_names import current_autograd_node, in_backward, is_functorch_wrapped
from relume.instrument.source_lines import SourceLines
from relume.record.capture.graph_reader import DEEP_FIRST, GraphReader, is_deep
from relume.record.capture.parameter_stats import ParameterStats
from relume.record.capture.step_record import StepRecord
from relume.record.facts.fact_log import FactLog
from relume.record.facts.raised_frames import FailedStep
from relume.record.graph.autograd_graph import walk
from relume.record.graph.broken_forward import broken_place, is_freed
from relume.record.graph.criterion_targets import is_regression, is_scored
from relume.record.graph.second_derivative import is_zero, straight_acts
from relume.record.hooks.torch_state import unseen, untraced
from relume.record.measure.parameter_samples import parameters_of
from relume.record.schedule.loss_attribution import LossReach
from relume.record.sites.function_mode import ActCapture
from relume.record.sites.module_hooks import ModuleHooks
from relume.record.sites.module_trace import ModuleTrace
from relume.record.sites.qualified_names import QualifiedNames
from relume.record.sites.sites import Sites

FOLLOW_EVERY = 4  # of every so many records, one update is compared with the next
MOST_BACKWARDS = 2  # backward passes read on one recorded step (micro-batches)


class RecordedStep:
    """Arms a step, reads it, and disarms it.

    Args:
        names: the run's module and parameter names.
        sites: the run's sites.
        fact_log: writes facts about the graph and the parameters.
        scaling: the gradient scaler's factor.
        on_error: called with a failure of the recorder: where, and the exception.
        exact: do nothing that could change a bit of the user's results.

    Attributes:
        step_record: what was read on this step so far; None if nothing was.
        module_trace: entries and exits of modules on this step.
        act_capture: holds the acts that are in no graph.
        update_cosine: compares some updates with the next one of the same optimiser.
        reach: ids of the parameters that the loss last read depends on.
        several: several optimisers step, so a loss may pass through a frozen model.
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
        self.update_cosine = self._parameter_stats.update_cosine
        self.step_record: StepRecord | None = None
        self.reach: LossReach | None = None
        self.several = False
        self._scaling = scaling
        self._on_error = on_error
        self._exact = exact
        self._force_eager = ForceEager()
        self._leaves: list[Tensor] = []
        self._backwards_read = 0  # on this step
        self._early_cost = 0.0  # time spent in module hooks before there is a record
        self._step_handle: Any = None
        self._source_lines = SourceLines()
        self._thread = 0
        self._step = 0

    # ------------------------------------------------------------------ on and off

    @property
    def armed(self) -> bool:
        """Whether the hooks of a recorded step are in torch."""
        return self._step_handle is not None

    @property
    def expects_backward(self) -> bool:
        """Whether another backward of this step will be read."""
        return self._step_handle is not None and self._backwards_read < MOST_BACKWARDS

    def arm(self, record: int = 0) -> None:
        """Put the hooks of a recorded step into torch; an armed step may be armed again.

        Args:
            record: the number of the next record.
        """
        self._backwards_read = 0
        self._leaves = []
        self.fact_log.wiring.arm()
        self.fact_log.signal.arm(follow=is_deep(record) and not self._exact)
        self.act_capture.close()
        self.act_capture.clear()
        self.act_capture.phase = record
        self.force_eager()
        self._module_hooks.open()
        if self._step_handle is None:
            self._early_cost = 0.0
            self._thread = get_ident()
            self._step_handle = register_optimizer_step_pre_hook(self._on_optimizer_step)
        self._source_lines.noted = False
        if self.fact_log.wants_lines:
            self._source_lines.begin()

    def force_eager(self) -> None:
        """Run compiled models eagerly until the end of the recorded step."""
        if not self._exact:
            self._force_eager.force()

    def disarm(self) -> None:
        """Remove the hooks from torch and forget the step. Calling it twice is fine."""
        if self._step_handle is not None:
            self._step_handle.remove()
            self._step_handle = None
        self._module_hooks.close()
        self.end_lines()
        self._force_eager.restore()
        self._parameter_stats.forget()
        self.fact_log.wiring.disarm()
        self.fact_log.signal.disarm()
        self.step_record = None
        self._leaves = []

    def end_lines(self) -> None:
        """Stop noting source lines, before backward would pay for them."""
        self._source_lines.end()

    def _add_cost(self, start: float) -> None:
        if self.step_record is None:
            self._early_cost += thread_time() - start
        else:
            self.step_record.add_cost(thread_time() - start)

    # ------------------------------------------------------------------ reading

    def read(self, loss: Tensor, step: int, record: int) -> bool:
        """Read the graph of a loss; return False if no watched model is in it.

        Args:
            loss: backward is about to be called on it.
            step: the current step.
            record: the number of the record.
        """
        start = thread_time()
        self.reach = None
        if record == 0:
            self._thread = get_ident()  # the thread that trains need not be the one that began
        if loss.grad_fn is None or get_ident() != self._thread:
            return True
        graph = walk(loss.grad_fn)
        if self.names.explicit and not self._reader.concerns(graph):
            return False
        self._backwards_read += 1
        self._step = step
        if self.step_record is None:
            self.step_record = StepRecord(record, is_deep(record), self._on_error)
        self.step_record.unscale = self._scaling.inverse()
        with untraced(), np.errstate(all="ignore"):  # no warning in the user's terminal
            self._reader.read(self.step_record, graph, step)
            with self._reader.without_packed(graph):
                self.fact_log.wiring.before_backward(graph, self.module_trace, step)
                if self.step_record.deep:
                    trace, calls = self.module_trace, self._reader.calls
                    self.fact_log.signal.before_backward(graph, calls, trace, step, self._on_error)
                if self.fact_log.origin.read(graph, self.module_trace, loss, step):
                    self.fact_log.wiring.read_data(graph, self.module_trace, step)
                self.fact_log.term_reach.read(graph, step, record)
                self.fact_log.target_networks.read(self.module_trace, step)
                self.fact_log.row_targets.read(graph, step, deep=self.step_record.deep)
                self.fact_log.signal.disarm()  # what follows calls is not to follow backward
            if record == 0:
                self.fact_log.write_frozen()
        self._source_lines.forget(graph.nodes)
        self._leaves = graph.leaves
        reach, regresses = frozenset(map(id, graph.leaves)), False
        scored = True
        if self.several or record < DEEP_FIRST:
            reach |= self._reader.frozen_parameters(graph)
            with untraced(), self._reader.without_packed(graph):
                regresses, scored = is_regression(graph), is_scored(graph)
        self.reach = LossReach(reach, regresses, scored)
        self.step_record.add_cost(thread_time() - start + self._early_cost)
        self._early_cost = 0.0
        return True

    def read_inner(self, tensors: Iterable[Tensor]) -> None:
        """Read the graph that a reentrant checkpoint made inside backward.

        Args:
            tensors: it is about to call backward on these.
        """
        step_record = self.step_record
        if step_record is None or get_ident() != self._thread:
            return
        start = thread_time()
        outer: Any = current_autograd_node()
        for tensor in tensors:
            if tensor.grad_fn is None:
                continue
            graph = walk(tensor.grad_fn)
            with untraced(), np.errstate(all="ignore"):
                self._reader.read_inside(step_record, graph, outer)
            self._leaves = [*self._leaves, *graph.leaves]
        step_record.add_cost(thread_time() - start)

    def read_data(self, loss: Tensor, step: int) -> None:
        """Look for data that are not finite: the loss is the first that is not."""
        if loss.grad_fn is not None:
            graph = walk(loss.grad_fn)
            with untraced():
                self.fact_log.wiring.read_data(graph, self.module_trace, step)
                self.fact_log.origin.read_broken(graph, step)

    def read_derivative(self, outputs: Any, results: Any, step: int) -> None:
        """Look at a derivative of these outputs: a second one may be zero everywhere."""
        if in_backward() or get_ident() != self._thread:
            return
        every = [outputs] if isinstance(outputs, Tensor) else list(outputs)
        if any(is_functorch_wrapped(each) for each in every):
            return  # under torch.func a value may not be asked for
        start = thread_time()
        with untraced():
            entries = is_zero(results)
            acts = straight_acts(every) if entries else None
        if acts is not None:
            frame = user_frame(sys._getframe(1))
            place = ("", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)
            self.fact_log.structure_facts.write_second_derivative(acts, entries, place, step)
        self._add_cost(start)

    def read_failed(self, failed: FailedStep, step: int, record: int) -> StepRecord | None:
        """Read the forward of a step that raised before its backward.

        Args:
            failed: what the exception's frames hold.
            step: the step before.
            record: the number of the record.

        Returns:
            The record of its acts, where the step was being recorded.
        """
        output = failed.output
        graph = None if output is None else walk(output.grad_fn)
        if output is None or graph is None or is_freed(graph):
            failed.raised = failed.raised and bool(failed.given)
            return None
        if self.names.explicit and not self._reader.concerns(graph):
            failed.raised = False
            return None
        with untraced(), self._reader.without_packed(graph):
            self.fact_log.wiring.read_data(graph, self.module_trace, step, failed.target)
            broken = broken_place(graph, output)
            if broken is not None:
                failed.raised = True
                self.fact_log.write_broken(broken, self.module_trace, step)
        if not self.armed or self.step_record is not None or get_ident() != self._thread:
            return None
        made = StepRecord(record, True, self._on_error)
        with untraced():
            self._reader.read(made, graph, step)
        return made

    def read_gradients(self) -> None:
        """Read the parameters' gradients after backward, before any clipping."""
        step_record = self.step_record
        if step_record is None:
            return
        start = thread_time()
        with untraced():
            self._parameter_stats.gradients(step_record, self._leaves)
            self.fact_log.wiring.after_backward()
            self.fact_log.signal.after_backward(self._step)
            self.fact_log.origin.after_backward(self._step)
        step_record.add_cost(thread_time() - start)

    def read_updates(self, optimizer: Optimizer | None = None) -> None:
        """Read how far the optimiser's step moved the weights.

        Args:
            optimizer: the optimiser that stepped.
        """
        if self.update_cosine.waiting and optimizer is not None:
            start = thread_time()
            with untraced():
                self.update_cosine.step(optimizer)
            self._add_cost(start)
        step_record = self.step_record
        if optimizer is not None:
            self.fact_log.origin.stepped = True
            with untraced():
                self.fact_log.wiring.after_step(optimizer, self._step)
                self.fact_log.lost_updates.after_step(optimizer)
                self.fact_log.term_reach.after_step(optimizer)
        if step_record is None:
            return
        start = thread_time()
        follow = optimizer if step_record.phase % FOLLOW_EVERY == 0 else None
        with untraced():
            self._parameter_stats.updates(step_record, self._step, follow)
        step_record.add_cost(thread_time() - start)

    def skip(self, record: int) -> None:
        """Read the next step instead: this one was skipped (an overflow under loss scaling).

        Args:
            record: the number of the next record.
        """
        if self._step_handle is not None and self._backwards_read:
            self.step_record = None
            self.arm(record)

    def is_watched(self, optimizer: Optimizer) -> bool:
        """Whether an optimiser steps a watched parameter."""
        if not self.names.explicit:
            return True
        return any(self.names.parameter(p) is not None for p in parameters_of(optimizer))

    def _on_optimizer_step(self, optimizer: Optimizer, args: object, keywords: object) -> None:
        self.before_step(optimizer)

    @unseen
    def before_step(self, optimizer: Optimizer) -> None:
        """Snapshot the weights: an optimiser is about to step."""
        # Also where there is no record yet: LBFGS, and frameworks that pass a closure, call
        # backward inside the step.
        start = thread_time()
        try:
            if not self.is_watched(optimizer):
                return
            with untraced():
                self.fact_log.wiring.before_step(optimizer, self._step)
                self.fact_log.lost_updates.before_step(optimizer)
                self._parameter_stats.before_step(self.step_record, optimizer, self._step)
        except Exception as error:
            self._on_error("before the optimiser", error)
        self._add_cost(start)
