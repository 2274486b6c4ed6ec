"""The recorder: watches a training run from the inside, and leaves it as it was.

Between recorded steps two things of ours run: a wrapper around `torch.autograd.backward` that
keeps the loss, and one optimiser-step hook that decides whether the next step is recorded. On a
recorded step two global module hooks note which module is open, the graph is read just before
its backward, gradients are taken by node hooks, and weights are compared around the step.

Every entry point catches its own errors: the user's program never sees one, recording degrades,
and the run file says what failed.
"""

import math
import os
import threading
import weakref
from collections.abc import Callable
from time import perf_counter, time
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from relume.core import Fact
from relume.errors import StoreError
from relume.record.budget import Budget
from relume.record.graph import Graph, seal, walk
from relume.record.ledger import Ledger
from relume.record.look import Look
from relume.record.names import Marks, Names
from relume.record.notes import Notes
from relume.record.sites import Sites
from relume.record.store import UNSEEN, Writer
from relume.record.weights import Weights

DEEP_FIRST, DEEP_EVERY = 4, 8  # the first records read everything, later every eighth
FLUSH_SECONDS = 0.5  # how much of the per-unit counters and the loss a killed process can lose
MOST_FAILURES = 5  # of ours, after which recording stops for good
BACKWARDS_A_STEP = 2  # read on one recorded step; further micro-batches are not
JUMP = 2.0  # loss against its running mean that makes the recorder look again at once
IDLE_BACKWARDS = 3  # without any optimiser step before backward itself is taken as the clock

_live: "weakref.WeakSet[Recorder]" = weakref.WeakSet()


def _abandon_all() -> None:
    for recorder in list(_live):
        recorder.abandon()


# A forked child (a data loader's worker) must not write to its parent's file.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)


class Recorder:
    """Records one run into one file.

    Args:
        writer: an open run file.
        budget: decides when to look.
        models: what to watch; empty means whatever contributes to a loss in this process.
    """

    def __init__(self, writer: Writer, budget: Budget, models: tuple[nn.Module, ...] = ()) -> None:
        self.writer = writer
        self.budget = budget
        self.names = Names(models)
        self.sites = Sites(self.names)
        self.notes = Notes(self.sites, writer)
        self.ledger = Ledger(writer, self.sites, self.notes, self._notice)
        self.weights = Weights(self.names)
        self.marks = Marks()
        self.step = 0
        self.records = 0
        self.backwards = 0
        self.optimizer_steps = 0
        self.failures: list[str] = []
        self._watched = {id(p) for model in models for p in model.parameters()}
        self._stepped: set[int] = set()
        self._optimizer = ""
        self._latest: Callable[[], Optimizer | None] = _nothing
        self._look: Look | None = None
        self._graph_leaves: list[Tensor] = []
        self._harvests = 0
        self._early = 0.0  # time spent in module hooks before there is a look to book it on
        self._loss_mean = math.nan
        self._handles: list[Any] = []
        self._step_handle: Any = None
        self._backward: Callable[..., Any] | None = None
        self._wrapper: Callable[..., Any] | None = None
        self._anomaly = False
        self._thread = 0
        self._last = self._flushed = perf_counter()
        self._off = False
        self._closed = False
        self._quiet = False  # armed for nothing, and one optimiser steps: the cheapest state

    # ------------------------------------------------------------------ on and off

    def start(self) -> None:
        """Begin to watch, or go on after a pause. The first step of all is recorded."""
        self._backward = torch.autograd.backward
        self._wrapper = self._wrap(self._backward)
        torch.autograd.backward = self._wrapper  # type: ignore[assignment]
        self._step_handle = register_optimizer_step_post_hook(self._after_step)
        self._last = self._flushed = perf_counter()
        _live.add(self)
        if self.records == 0:
            self._guarded("start", self._arm)

    def pause(self) -> None:
        """Stop watching for a while: nothing of ours is left in torch until `start`."""
        self._detach()

    def close(self, how: str = "normal", code: int = 0, text: str = "") -> None:
        """Stop watching, write what is left, and give everything back. Twice is fine."""
        if self._closed:
            return
        self._closed = True
        self._detach()
        if not self._off:
            self._guarded(
                "close",
                lambda: self._finish(
                    Fact(
                        "end",
                        "",
                        self.step,
                        {
                            "how": how,
                            "code": code,
                            "text": text,
                        },
                    )
                ),
            )
        try:
            self.writer.close()
        except StoreError as error:
            self.failures.append(str(error))

    def abandon(self) -> None:
        """Forget everything without touching the file: this is a forked child."""
        self._off = True
        self._detach()

    def _detach(self) -> None:
        self._disarm()
        if self._step_handle is not None:
            self._step_handle.remove()
            self._step_handle = None
        # Somebody may have wrapped our wrapper since; then it stays, and only passes calls on.
        if torch.autograd.backward is self._wrapper and self._backward is not None:
            torch.autograd.backward = self._backward
        _live.discard(self)

    def _arm(self) -> None:
        if self._handles:
            return
        self._quiet = False
        self._harvests = 0
        self._early = 0.0
        self.marks.begin()
        self._thread = threading.get_ident()
        hooks = nn.modules.module
        self._handles = [
            hooks.register_module_forward_pre_hook(self._enter),
            hooks.register_module_forward_hook(self._leave, always_call=True),
            register_optimizer_step_pre_hook(self._before_step),
        ]
        self._begin_anomaly()

    def _rearm(self) -> None:
        """One recorded step after another: the hooks stay where they are."""
        self._harvests = 0
        self._graph_leaves = []
        self.marks.trim()
        self._begin_anomaly()

    def _begin_anomaly(self) -> None:
        if self.notes.lines_wanted and not torch.is_anomaly_enabled():
            torch.set_anomaly_enabled(True, False)  # notes where nodes are made; off in backward
            self._anomaly = True

    def _disarm(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._end_anomaly()
        self.marks.clear()
        self._look = None
        self._graph_leaves = []

    def _end_anomaly(self) -> None:
        if self._anomaly:
            torch.set_anomaly_enabled(False, True)
            self._anomaly = False

    # ------------------------------------------------------------------ errors

    def _guarded(self, where: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # nothing of ours may reach the user's program
            self.fail(where, error)

    def fail(self, where: str, error: Exception) -> None:
        """Note a failure of ours; after several, or a file that cannot be written, stop."""
        self.failures.append(f"{where}: {type(error).__name__}: {error}")
        fatal = isinstance(error, StoreError) or len(self.failures) >= MOST_FAILURES
        if not isinstance(error, StoreError):
            try:
                self.writer.fact(
                    Fact("error", "", self.step, {"where": where, "text": self.failures[-1]})
                )
            except StoreError as second:
                self.failures.append(str(second))
                fatal = True
        if fatal:
            self._off = True
            self._disarm()

    # ------------------------------------------------------------------ module hooks

    def _enter(self, module: nn.Module, args: object) -> None:
        if not torch.is_grad_enabled() or threading.get_ident() != self._thread:
            return
        start = perf_counter()
        try:
            if torch._C._current_graph_task_id() != -1:
                return  # a checkpoint recomputes its forward inside backward
            if self.marks.depth == 0:
                self.names.meet(module)
            self.marks.enter(module)
        except Exception as error:
            self.fail("module entry", error)
        self._spend(start)

    def _leave(self, module: nn.Module, args: object, output: object) -> None:
        if threading.get_ident() == self._thread and self.marks.depth:
            self.marks.leave(module)

    def _spend(self, start: float) -> None:
        if self._look is None:
            self._early += perf_counter() - start
        else:
            self._look.add_cost(perf_counter() - start)

    # ------------------------------------------------------------------ backward

    def _wrap(self, original: Callable[..., Any]) -> Callable[..., Any]:
        recorder = weakref.ref(self)

        def backward(tensors: Any, *args: Any, **keywords: Any) -> Any:
            watcher = recorder()
            if watcher is None or watcher._off or watcher._step_handle is None:  # ended
                return original(tensors, *args, **keywords)
            if watcher._quiet and type(tensors) is Tensor and tensors.numel() == 1:
                watcher._keep(tensors)
                return original(tensors, *args, **keywords)
            watcher._before_backward(tensors)
            result = original(tensors, *args, **keywords)
            watcher._after_backward()
            return result

        backward.__doc__ = original.__doc__
        backward.__wrapped__ = original  # type: ignore[attr-defined]
        return backward

    def _keep(self, loss: Tensor) -> None:
        self.backwards += 1
        try:
            self.ledger.loss(loss)
        except Exception as error:
            self.fail("loss", error)

    def _before_backward(self, tensors: Any) -> None:
        try:
            if self._anomaly:
                self._end_anomaly()
            loss = tensors if isinstance(tensors, Tensor) else next(iter(tensors))
            if self._handles and self._harvests < BACKWARDS_A_STEP and not self._harvest(loss):
                return  # another model's loss
            self.backwards += 1
            if isinstance(loss, Tensor) and loss.numel() == 1:
                self.ledger.loss(loss)
        except Exception as error:
            self.fail("before backward", error)

    def _after_backward(self) -> None:
        try:
            if self._look is not None:
                self._read_gradients(self._look)
            if not self.optimizer_steps and self._clocked_by_backward():
                self._tick(UNSEEN)
        except Exception as error:
            self.fail("after backward", error)

    def _read_gradients(self, look: Look) -> None:
        start = perf_counter()
        with torch.no_grad():
            found = self.weights.gradients(self._graph_leaves)
        if found is not None:
            look.scalars.append(found)
        look.add_cost(perf_counter() - start)

    def _notice(self, loss: float) -> None:
        mean = self._loss_mean
        if loss <= JUMP * mean or mean != mean:
            self._loss_mean = loss if mean != mean else mean + 0.1 * (loss - mean)
            return
        self.budget.urge()  # a jump, or not a number
        if math.isfinite(loss):
            self._loss_mean = mean + 0.1 * (loss - mean)

    def _harvest(self, loss: Tensor) -> bool:
        """Read the graph behind a loss; False if no watched model is in it."""
        start = perf_counter()
        if loss.grad_fn is None or threading.get_ident() != self._thread:
            return True
        graph = walk(loss.grad_fn)
        if self._watched and not any(id(leaf) in self._watched for leaf in graph.leaves):
            return False
        self._harvests += 1
        deep = self.records < DEEP_FIRST or self.records % DEEP_EVERY == 0
        if self._look is None:
            self._look = Look(self.records, deep, self.fail)
        look = self._look
        if self.marks.hidden:
            seal(graph, {n for n in graph.nodes if self.marks.is_hidden(n._sequence_nr())})
            look.sealed = graph.sealed
        with torch.no_grad():
            self._read(look, graph)
        look.sealed = set()  # no node outlives its step
        self._graph_leaves = graph.leaves
        look.add_cost(perf_counter() - start + self._early)
        self._early = 0.0
        return True

    def _read(self, look: Look, graph: Graph) -> None:
        known = len(self.sites.plans)
        acts = self.sites.acts_in(graph, self.marks)
        new = len(self.sites.plans) > known
        view = self.notes.view(graph, acts, self.marks, self.step, changed=new or self.records == 0)
        for plan, node in acts:
            if plan.elementwise and plan.site.role != "attention":
                look.act(plan, node)
        if view.head is not None:
            look.head(*view.head)
        look.scalars.extend(self.notes.inputs(graph, look.phase, look.deep))

    # ------------------------------------------------------------------ the step

    def _before_step(self, optimizer: Optimizer, args: object, keywords: object) -> None:
        look = self._look
        if look is None or not self._is_ours(optimizer):
            return
        start = perf_counter()
        try:
            with torch.no_grad():
                self.weights.snapshot(optimizer)
                self.notes.parameters(self.weights.named(optimizer), self.step)
        except Exception as error:
            self.fail("before the optimiser", error)
        look.add_cost(perf_counter() - start)

    def _after_step(self, optimizer: Optimizer, args: object, keywords: object) -> None:
        # Every step of the user's passes here: what is not needed on each is done elsewhere.
        if self._off or torch.compiler.is_compiling():
            return
        try:
            if self._quiet and optimizer is self._latest():
                self._plain_step(optimizer)
                return
            if optimizer is not self._latest() and not self._meet(optimizer):
                return
            number = id(optimizer)
            if number in self._stepped:
                self.step += 1
                if len(self._stepped) > 1:
                    self._stepped = {number}
            else:
                self._stepped.add(number)
            self.optimizer_steps += 1
            if self._look is not None:
                self._read_updates(self._look)
            self._tick(_rate(optimizer))
        except Exception as error:
            self.fail("after the optimiser", error)

    def _plain_step(self, optimizer: Optimizer) -> None:
        """`_after_step` and `_tick` in one, for the step on which nothing is recorded."""
        self.step += 1
        self.optimizer_steps += 1
        now = perf_counter()
        seconds = now - self._last
        self._last = now
        self.ledger.step(self.step, _rate(optimizer), seconds)
        if self.budget.step(seconds, None):
            self._arm()
        if now - self._flushed > FLUSH_SECONDS:
            self._flush()
            self._last = perf_counter()
            self.budget.charge(self._last - now)

    def _meet(self, optimizer: Optimizer) -> bool:
        """Another optimiser than the last one has stepped; False if it trains another model."""
        if not self._is_ours(optimizer):
            return False
        self._latest = weakref.ref(optimizer)
        self._optimizer = self._optimizer or type(optimizer).__name__
        return True

    def _read_updates(self, look: Look) -> None:
        start = perf_counter()
        with torch.no_grad():
            moved = self.weights.moved()
        if moved is not None:
            look.scalars.append(moved)
        look.add_cost(perf_counter() - start)

    def _is_ours(self, optimizer: Optimizer) -> bool:
        if not self._watched:
            return True
        return any(id(p) in self._watched for g in optimizer.param_groups for p in g["params"])

    def _clocked_by_backward(self) -> bool:
        """No optimiser of torch's steps here (weights are updated by hand)."""
        if self.optimizer_steps or self.backwards <= IDLE_BACKWARDS:
            return False
        self.step += 1
        return True

    def _tick(self, rate: float) -> None:
        """A step has ended: write its record, count it, and decide on the next one."""
        now = perf_counter()
        self.ledger.step(self.step, rate, now - self._last)
        cost: float | None = None
        if self._look is not None:
            cost = self._end_record(self._look, now)
            self._look = None
        flushing = now - self._flushed > FLUSH_SECONDS
        if flushing or cost is not None:
            now = perf_counter()
        seconds, self._last = now - self._last, now
        wanted = self.budget.step(seconds, cost)
        if flushing:
            self._flush()
            self._last = perf_counter()
            self.budget.charge(self._last - now)
        # From here on one optimiser's steps are all there is to count, until we look again.
        self._quiet = not wanted and len(self._stepped) == 1 and self.optimizer_steps > 0
        if not wanted or self._off:
            self._disarm()
        elif self._handles:
            self._rearm()
        else:
            self._arm()

    def _end_record(self, look: Look, start: float) -> float:
        self.ledger.record(self.step, look)
        self.records += 1
        self.ledger.drain(wait=False)
        return look.cost + perf_counter() - start

    # ------------------------------------------------------------------ the file

    def _flush(self) -> None:
        self._flushed = perf_counter()
        self.ledger.flush()
        self.notes.flush()
        self.writer.meta(self._progress())

    def _progress(self) -> dict[str, Any]:
        return {
            "steps": self.step + 1 if self.budget.steps else 0,
            "records": self.records,
            "backwards": self.backwards,
            "overhead": self.budget.overhead,
            "optimizer": self._optimizer,
            "seconds": self.budget.elapsed,
            "updated": time(),
        }

    def _finish(self, end: Fact) -> None:
        self.ledger.drain(wait=True)
        self.notes.finish(self.step, self.optimizer_steps, self.backwards)
        self._flush()
        self.writer.fact(end)
        how = str(end.data["how"])
        self.writer.meta({"ended": how if how == "normal" else f"{how} {end.data['code']}"})


def _nothing() -> None:
    """Stands for a weak reference while there is nothing to refer to."""


def _rate(optimizer: Optimizer) -> float:
    """The largest learning rate of an optimiser's groups; `UNSEEN` where it lives on a device."""
    groups = optimizer.param_groups
    if len(groups) == 1 and type(only := groups[0]["lr"]) is float:
        return only
    rates = [group["lr"] for group in groups]
    # A rate on a device is not fetched: that would wait for the device on every step.
    known = [float(r) for r in rates if not isinstance(r, Tensor) or r.device.type == "cpu"]
    return max(known, default=UNSEEN)
