"""Records a training run from inside its process, and leaves the run unchanged.

Between recorded steps the recorder has two entry points in torch: a wrapper around
`torch.autograd.backward` that reads the loss, and one optimiser-step hook that decides whether the
next step is recorded. What a recorded step needs in addition is in `capture/recorded_step.py`.

Every entry point catches its own errors: the user's program never gets one, less is recorded, and
the run file reports the failure (`capture/failure_guard.py`).
"""

import math
import weakref
from collections.abc import Callable, Iterable
from time import perf_counter, thread_time, time
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

from relume.core import Fact
from relume.errors import StoreError
from relume.instrument.grad_scaling import GradScaling
from relume.record.capture.act_timing import act_costs
from relume.record.capture.failure_guard import FailureGuard
from relume.record.capture.optimizer_steps import OptimizerSteps, rate_of
from relume.record.capture.pending_records import PendingRecords
from relume.record.capture.recorded_step import RecordedStep
from relume.record.capture.step_record import StepRecord
from relume.record.facts.fact_log import FactLog
from relume.record.facts.raised_frames import failed_step
from relume.record.facts.signal_audit import AUDITED
from relume.record.graph.head_structure import LOOKS_FOR
from relume.record.hooks import fork_guard
from relume.record.hooks.backward_hooks import BackwardPatches
from relume.record.hooks.child_time import children_seconds
from relume.record.hooks.torch_state import unseen
from relume.record.schedule.overhead_budget import OverheadBudget
from relume.record.schedule.step_schedule import next_loss
from relume.record.sites.qualified_names import QualifiedNames
from relume.record.sites.sites import Sites
from relume.record.store.run_file import UNSEEN, Writer

# Seconds of the loss that a killed process can lose; counters: `pending_records.COUNTER_WAIT`.
FLUSH_SECONDS = 0.5
JUMP = 2.0  # ratio of a loss to its running mean from which on the next step is recorded
WILD = 6.0  # mean deviations from the mean that noise does not reach (normal: 4.8 sigma)
IDLE_BACKWARDS = 3  # without any optimiser step, after which each backward counts as a step
MOST_GATHERED = 256  # the same where an optimiser exists: it may gather more gradients


class Recorder:
    """Records one run into one file.

    Args:
        writer: an open run file.
        budget: decides which steps are recorded.
        models: the models to record; empty means every model that contributes to a loss.
        exact: do nothing that could change a bit: compiled models stay compiled on recorded steps.

    Attributes:
        loss_only: nothing is armed and one optimiser steps, so a step costs least: only its loss
            is read.
        records: steps recorded so far.
        backwards: backward passes so far.
    """

    def __init__(
        self,
        writer: Writer,
        budget: OverheadBudget,
        models: tuple[nn.Module, ...] = (),
        *,
        exact: bool = False,
    ) -> None:
        self.writer = writer
        self.budget = budget
        self._models = tuple(weakref.ref(model) for model in models)
        self.names = QualifiedNames(models)
        self.sites = Sites(self.names)
        self.fact_log = FactLog(self.sites, writer)
        self.pending_records = PendingRecords(writer, self.sites, self.fact_log, self._watch_loss)
        self.failure_guard = FailureGuard(writer, self._stop)
        self.fail = self.failure_guard.record_failure
        self.scaling = GradScaling()
        self.recorded_step = RecordedStep(
            self.names, self.sites, self.fact_log, self.scaling, self.fail, exact=exact
        )
        self.optimizers = OptimizerSteps(self.recorded_step.is_watched)
        self.counts_each = False  # a gradient scaler may skip a step
        self._backward_patches = BackwardPatches(self)
        self.loss_only = False
        self.records = 0
        self.backwards = 0
        self._idle_backwards = IDLE_BACKWARDS
        self._loss_mean = math.nan
        self._loss_spread = 0.0
        self._loss_is_bad: bool | None = False
        self._step_handle: Any = None
        self._scaled_at = 0  # optimiser steps when a scaler began an iteration
        self._last = self._flushed = perf_counter()
        self._carried: list[tuple[float, float | None]] = []  # seconds and cost of steps
        self._closed = False
        self._children_at_start = children_seconds()
        self._steps_to_skip = 0  # plain steps that are still skipped
        self._skip_length = 0  # plain steps that are skipped in a row

    @property
    def step(self) -> int:
        """The current step."""
        return self.optimizers.step

    @property
    def failures(self) -> list[str]:
        """One sentence for each failure of the recorder."""
        return self.failure_guard.messages

    # ------------------------------------------------------------------ on and off

    def start(self) -> None:
        """Start recording, or continue after a pause. The first step is recorded."""
        self._backward_patches.open()
        self._step_handle = register_optimizer_step_post_hook(self._after_step)
        self._last = self._flushed = perf_counter()
        fork_guard.live_recorders.add(self)
        if self.records == 0:
            self.failure_guard.guard("start", self._arm)

    def pause(self) -> None:
        """Stop recording for a while: no hook or wrapper stays in torch until `start`."""
        self._detach()

    @property
    def closed(self) -> bool:
        """Whether the recording has ended."""
        return self._closed

    def close(
        self,
        how: str = "normal",
        code: int = 0,
        text: str = "",
        error: BaseException | None = None,
    ) -> None:
        """Stop recording, write what is pending, and restore torch. Calling it twice is fine.

        Args:
            how: how the program ended (see `core.Trace`).
            code: its exit code.
            text: a text on it.
            error: the exception that ended it, if one did: the step that raised is read.
        """
        if self._closed:
            return
        self._closed = True
        if error is not None and not self.failure_guard.stopped:
            self.failure_guard.guard("failed step", lambda: self._read_failed_step(error))
        self._detach()
        if not self.failure_guard.stopped:
            end = Fact("end", "", self.step, {"how": how, "code": code, "text": text})
            self.failure_guard.guard("close", lambda: self._finish(end))
        try:
            self.writer.close()
        except StoreError as unwritten:
            self.failures.append(str(unwritten))

    def _read_failed_step(self, error: BaseException) -> None:
        failed = failed_step(error)
        if failed is None:
            return
        self._count_skipped()
        record = self.recorded_step.read_failed(failed, self.step, self.records)
        now = self.step + (self.optimizers.steps > 0)
        if failed.raised:
            self.writer.fact(Fact("failed-step", "", now, failed.data))
        if record is not None:
            self._end_record(record, thread_time())

    def records_only(self, models: tuple[nn.Module, ...]) -> bool:
        """Whether these are the models that were passed to be recorded."""
        return bool(models) and tuple(ref() for ref in self._models) == models

    def flush(self) -> None:
        """Write everything recorded so far, so that a reader sees the run up to this step."""
        if not self._closed and not self.failure_guard.stopped:
            self.failure_guard.guard("flush", self._flush_all)

    def _flush_all(self) -> None:
        if self._steps_to_skip and self.watching:
            self._count_skipped()
            self._backward_patches.resume_backward()
        self.pending_records.drain(wait=True)
        self._flush()
        self.pending_records.flush_counters()

    def add_facts(self, facts: Callable[[], Iterable[Fact]]) -> None:
        """Write facts that were learned outside of torch."""

        def write() -> None:
            for fact in facts():
                self.writer.fact(fact)

        if not self._closed and not self.failure_guard.stopped:
            self.failure_guard.guard("facts from outside", write)

    def time_acts(self) -> None:
        """Time the acts of the run, which has ended, at the shapes that they had."""
        self.pause()
        if not self._closed and self.optimizers.steps and not self.writer.ranked:
            self.failure_guard.guard("act costs", self._time_acts)

    def _time_acts(self) -> None:
        with torch.enable_grad():
            states = list(self.sites.states.values())
            for fact in act_costs(states, self.step, self.budget.elapsed):
                self.writer.fact(fact)

    def abandon(self) -> None:
        """Drop everything without touching the file: this is a forked child."""
        self.failure_guard.stopped = True
        self._detach()

    def _detach(self) -> None:
        self._count_skipped()
        self._stop()
        if self._step_handle is not None:
            self._step_handle.remove()
            self._step_handle = None
        self._backward_patches.close()
        fork_guard.live_recorders.discard(self)

    def _stop(self) -> None:
        self.recorded_step.disarm()
        self.recorded_step.update_cosine.drop()

    # ------------------------------------------------------------------ calls from torch

    @property
    def watching(self) -> bool:
        """Whether torch's calls are handled: between `start` and `pause` or `close`."""
        return self._step_handle is not None and not self.failure_guard.stopped

    def compiled(self) -> None:
        """Run the step that is being recorded eagerly: torch.compile was called."""
        try:
            if self.recorded_step.armed:
                self.recorded_step.force_eager()
        except Exception as error:
            self.fail("compiler", error)

    @unseen
    def scaled(self, scaler: Any, loss: Any = None) -> None:
        """Read the factor of a gradient scaler that is about to multiply a loss."""
        try:
            self.counts_each = True
            if not self.scaling.active:
                self._scaled_at = self.optimizers.steps
            self.scaling.read_scale(scaler, loss)
        except Exception as error:
            self.fail("gradient scaler", error)

    def scaler_updated(self) -> None:
        """Handle the end of a scaler's iteration.

        If no optimiser stepped in it, gradients were not finite and the step was skipped.
        """
        try:
            if self.scaling.active and self.optimizers.steps == self._scaled_at:
                self.scaling.skipped += 1
                self.pending_records.drop_losses()
                self.recorded_step.skip(self.records)
            self.scaling.clear()
        except Exception as error:
            self.fail("gradient scaler", error)

    @unseen
    def read_loss(self, loss: Tensor) -> None:
        """Read the loss of a plain step."""
        self.backwards += 1
        try:
            self.pending_records.add_loss(
                self.scaling.unscale(loss) if self.scaling.active else loss
            )
            if self._loss_is_bad:
                self._loss_is_bad = None  # the first such loss is the one that may show why
                self.recorded_step.read_data(loss, self.step)
        except Exception as error:
            self.fail("loss", error)

    @unseen
    def inside_backward(self, tensors: Any) -> None:
        """Read the graph of a backward inside another one: a reentrant checkpoint calls it."""
        try:
            self.recorded_step.read_inner([tensors] if isinstance(tensors, Tensor) else tensors)
        except Exception as error:
            self.fail("inner backward", error)

    @unseen
    def before_backward(self, tensors: Any) -> None:
        """Read the graph of a step that may be recorded: backward is about to run on `tensors`."""
        try:
            self.recorded_step.end_lines()
            loss = tensors if isinstance(tensors, Tensor) else next(iter(tensors), None)
            if not isinstance(loss, Tensor):
                return  # an edge of the graph
            step = self.recorded_step
            if step.expects_backward and not step.read(loss, self.step, self.records):
                return  # another model's loss
            self.backwards += 1
            if loss.numel() == 1:
                self.pending_records.add_loss(self.scaling.unscale(loss), self.recorded_step.reach)
                self.recorded_step.reach = None
        except Exception as error:
            self.fail("before backward", error)

    @unseen
    def after_backward(self) -> None:
        """Read the gradients: backward has run, without an exception."""
        try:
            self.recorded_step.read_gradients()
            if not self.optimizers.steps:
                self._backward_patches.patch_keras()
            if not self.optimizers.steps and self._clocked_by_backward():
                self._tick(UNSEEN)
        except Exception as error:
            self.fail("after backward", error)

    @unseen
    def after_grad(self, outputs: Any, results: Any) -> None:
        """Look at a derivative that is differentiated again, on a recorded step."""
        try:
            if self.recorded_step.armed:
                self.recorded_step.read_derivative(outputs, results, self.step)
        except Exception as error:
            self.fail("derivative", error)

    @unseen
    def before_foreign_step(self, optimizer: Any) -> None:
        """Snapshot the weights: an optimiser that is not torch's is about to step."""
        if self.recorded_step.armed:
            self.recorded_step.before_step(optimizer)

    def after_foreign_step(self, optimizer: Any) -> None:
        """Count the step of an optimiser that is not torch's."""
        self._after_step(optimizer, (), {})

    def _watch_loss(self, loss: float) -> None:
        mean, spread = self._loss_mean, self._loss_spread
        if mean != mean and math.isfinite(loss):  # the first loss
            self._loss_mean = loss
            return
        far = loss - mean
        if not far <= max((JUMP - 1) * abs(mean), WILD * spread):  # a jump, or not a number
            self.budget.request()
            self.pending_records.split_windows()
            if self._loss_is_bad is False:
                self._loss_is_bad = not math.isfinite(loss)
        if math.isfinite(loss):
            self._loss_mean = mean + 0.1 * far
            self._loss_spread = spread + 0.1 * (abs(far) - spread)

    # ------------------------------------------------------------------ the step

    def _after_step(self, optimizer: Optimizer, args: object, keywords: object) -> None:
        # Every step of the user's runs this: what is not needed on each step is done elsewhere.
        if self._steps_to_skip > 1 and optimizer is self.optimizers.latest():
            self._steps_to_skip -= 1
            return
        if not (self.failure_guard.stopped or torch.compiler.is_compiling()):
            self._handle_step(optimizer)

    @unseen
    def _handle_step(self, optimizer: Optimizer) -> None:
        try:
            if self._steps_to_skip:
                self._resume()
                if optimizer is self.optimizers.latest():
                    return
            if self.loss_only and optimizer is self.optimizers.latest():
                self._plain_step(optimizer)
                return
            trainings = len(self.optimizers.trainings)
            counted = self.optimizers.count(optimizer)
            if len(self.optimizers.trainings) > trainings:
                self._begin_training()
            if not counted:
                self.pending_records.drop_losses()  # they were another model's
                return
            self.recorded_step.read_updates(optimizer)
            self.recorded_step.several = self.optimizers.several
            self.pending_records.assign_losses(optimizer)
            self._tick(rate_of(optimizer))
        except Exception as error:
            self.fail("after the optimiser", error)

    def _begin_training(self) -> None:
        """Forget what was learned of the training before: another one begins with this step."""
        self.budget.begin_training()
        self.pending_records.restart_windows()
        self._loss_mean = math.nan
        self._loss_spread = 0.0

    def _plain_step(self, optimizer: Optimizer) -> None:
        """Do the work of `_after_step` and `_tick` for a step on which nothing is recorded."""
        self.optimizers.skip_steps(1)
        now = perf_counter()
        seconds = now - self._last
        self._last = now
        self.pending_records.end_step(self.step, rate_of(optimizer), seconds)
        if self.budget.step(seconds, None):
            self._arm()
        if now - self._flushed > FLUSH_SECONDS:
            self._flush()
            self._last = perf_counter()
            self.budget.charge(self._last - now)
        if self.loss_only and not self.counts_each:
            self._skip()

    def _skip(self) -> None:
        """Skip the steps up to the next one whose loss is read, or that may be recorded."""
        number = self.budget.number
        steps = next_loss(number - 1) - number
        if steps:
            steps = self.budget.steps_until_record(steps)
        if steps:
            self._skip_length = self._steps_to_skip = steps
            self._backward_patches.pause_backward()

    def _resume(self) -> None:
        """Count the steps that were skipped, and read plain steps again."""
        self._steps_to_skip -= 1
        self._count_skipped()
        self._backward_patches.resume_backward()
        if self.budget.is_due():
            self._arm()

    def _count_skipped(self) -> None:
        steps = self._skip_length - self._steps_to_skip
        self._skip_length = self._steps_to_skip = 0
        if steps:
            now = perf_counter()
            seconds, self._last = now - self._last, now
            self.optimizers.skip_steps(steps)
            self.backwards += steps
            self.budget.skip_steps(steps, seconds)

    def _arm(self) -> None:
        self.loss_only = False
        self.recorded_step.arm(self.records)

    def _clocked_by_backward(self) -> bool:
        """Whether each backward counts as a step: no optimiser steps (weights updated by hand)."""
        if self.optimizers.steps or self.backwards <= IDLE_BACKWARDS:
            return False
        waiting = self.optimizers.waiting()  # searches at the first call only
        self.fact_log.wiring.idle(self.backwards, self.step, waiting)
        if waiting:
            self._idle_backwards = MOST_GATHERED
        if self.backwards <= self._idle_backwards:
            return False
        self.optimizers.step += self.pending_records.end_earlier_steps() or 1
        return True

    def _tick(self, rate: float) -> None:
        """Write the record of a step that has ended, count it, and decide on the next one."""
        now, own = perf_counter(), thread_time()
        self.pending_records.end_step(self.step, rate, now - self._last)
        cost: float | None = None
        if self.recorded_step.step_record is not None:
            cost = self._end_record(self.recorded_step.step_record, own)
            self.recorded_step.step_record = None
        flushing = now - self._flushed > FLUSH_SECONDS
        if flushing or cost is not None:
            now = perf_counter()
        seconds, self._last = now - self._last, now
        wanted = self._decide(seconds, cost)
        if flushing:
            self._flush()
            self._last = perf_counter()
            self.budget.charge(self._last - now)
        # Until the next record only the steps of one optimiser have to be counted.
        alone = self.optimizers.alone
        self.loss_only = not wanted and alone and not self.recorded_step.update_cosine.waiting
        if wanted and not self.failure_guard.stopped:
            self._arm()
        else:
            self.recorded_step.disarm()

    def _decide(self, seconds: float, cost: float | None) -> bool:
        """Whether to record the next step.

        Where optimisers step in turn, all steps of an iteration are recorded or none; otherwise
        one of them might never be recorded.
        """
        if not self.pending_records.attribution.ends_iteration:
            self._carried.append((seconds, cost))
            return self.recorded_step.armed
        for more, paid in self._carried:
            seconds += more
            cost = paid if cost is None else cost + (paid or 0.0)
        self._carried.clear()
        return self.budget.step(seconds, cost)

    def _end_record(self, record: StepRecord, start: float) -> float:
        self.pending_records.add_record(self.step, record)
        self.records += 1
        self.pending_records.drain(wait=False)
        return record.cost + thread_time() - start

    # ------------------------------------------------------------------ the file

    def _flush(self) -> None:
        self._flushed = perf_counter()
        self.failure_guard.step = self.step
        self.pending_records.flush()
        self.fact_log.criterion_fact.flush()
        self.writer.meta(self._progress())

    def _progress(self) -> dict[str, Any]:
        return {
            "steps": self.step + 1 if self.budget.steps else 0,
            "records": self.records,
            "backwards": self.backwards,
            "overhead": self.budget.overhead,
            **self.optimizers.meta(),
            "looks_for": [*LOOKS_FOR, "wiring", "row-targets", "dropout", "no-curvature", *AUDITED],
            "seconds": self.budget.elapsed,
            "skipped": self.scaling.skipped,
            "children_seconds": children_seconds() - self._children_at_start,
            "updated": time(),
        }

    def _finish(self, end: Fact) -> None:
        self.pending_records.drain(wait=True)
        self.pending_records.finish()
        self.fact_log.finish(self.step, self.optimizers.steps, self.backwards)
        self._flush()
        self.pending_records.flush_counters()
        self.writer.fact(end)
        how = str(end.data["how"])
        self.writer.meta({"ended": how if how == "normal" else f"{how} {end.data['code']}"})


def process_recorder() -> Recorder | None:
    """Return the recorder of every model that trains in this process (`relume run`), if any."""
    recorders = (one for one in list(fork_guard.live_recorders) if isinstance(one, Recorder))
    return next((recorder for recorder in recorders if not recorder.names.explicit), None)
