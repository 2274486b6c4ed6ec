"""Runs the registered actions of edits during a training, and undoes all changes.

A fix registers actions while its edit is applied. `open` then patches torch as far as the actions
need it (optimiser steps, module calls, function calls). Every change adds its reverse to `undo`;
`close` calls these, last one first.
"""

import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from relume.core.trial import Edit
from relume.fixes.live.call_handlers import CallHandlers, Handler, Threads
from relume.fixes.live.edit_job import EditJob
from relume.fixes.live.model_names import LiveModel, LiveModels, copy_value
from relume.fixes.live.optimizer_state import track
from relume.instrument.force_eager import ForceEager
from relume.instrument.monkeypatch import MonkeyPatch
from relume.instrument.private_names import in_backward, optimizer_post_hooks


@dataclass(slots=True)
class StepEdit:
    """Actions around every optimiser step.

    Attributes:
        before: gets the optimiser and the number of steps it has taken in this session.
        after: gets the optimiser and the same count, after the step.
        uses_gradients: `before` reads or changes gradients: where the step computes them itself, in
            a closure, `before` runs after the closure.
    """

    job: EditJob
    before: Callable[[Optimizer, int], None] | None
    after: Callable[[Optimizer, int], None] | None
    uses_gradients: bool = False


@dataclass(slots=True)
class StartEdit:
    """An action on a model before its first forward, or before its first one in training."""

    job: EditJob
    action: Callable[[LiveModel], None]
    training: bool
    copies: bool = False


@dataclass(slots=True)
class MakingEdit:
    """An action on every optimiser when it is made."""

    job: EditJob
    action: Callable[[Optimizer], None]


class EditSession:
    """Applies edits to whatever trains in this process.

    Attributes:
        done: a line for each edit that changed something, with counts.
        missed: a sentence for each edit that found nothing to change, or failed.
    """

    def __init__(self) -> None:
        self.jobs: list[EditJob] = []
        self.current = EditJob(Edit(""))
        self.models = LiveModels()
        self.undo: list[Callable[[], None]] = []
        self._step_edits: list[StepEdit] = []
        self._start_edits: list[StartEdit] = []
        self._making_edits: list[MakingEdit] = []
        self._started: set[tuple[int, int, int]] = set()  # (number of the edit, model, module)
        self.threads = Threads()
        self._calls = CallHandlers(self.models, self.threads)
        self._counts: dict[int, int] = {}
        self._overrides: list[tuple[dict[str, Any], str, Any, Any]] = []
        self._gradients: list[tuple[Tensor, Tensor | None]] = []
        self._post: Any = None
        self._eager = ForceEager()

    @property
    def done(self) -> list[str]:
        """Each edit that changed something, in words with counts."""
        return [job.summary() for job in self.jobs if job.counts]

    @property
    def missed(self) -> list[str]:
        """One sentence for each edit that found nothing to change, or that failed."""
        sentences: list[str] = []
        for job in self.jobs:
            if job.failed:
                sentences.append(f"{job.text}: failed, {job.failed[0]}")
            elif not job.counts:
                reason = "; ".join(dict.fromkeys(job.notes)) or job.no_effect
                sentences.append(f"{job.text}: nothing was changed, {reason}")
        return sentences

    @property
    def notes(self) -> list[str]:
        """A sentence for each thing that an edit left as it is although it changed others."""
        return [f"{job.text}: {note}" for job in self.jobs if job.counts for note in job.notes]

    # ------------------------------------------------------------------ what fixes call

    @contextmanager
    def job(self, edit: Edit) -> Generator[EditJob]:
        """Register actions for this edit; an error meanwhile is reported as the edit's failure."""
        self.current = EditJob(edit)
        self.jobs.append(self.current)
        with attempt(self.current):
            yield self.current

    def on_step(
        self,
        before: Callable[[Optimizer, int], None] | None = None,
        after: Callable[[Optimizer, int], None] | None = None,
        *,
        uses_gradients: bool = False,
    ) -> None:
        """Register actions around every optimiser step of the run."""
        self._step_edits.append(StepEdit(self.current, before, after, uses_gradients))

    def on_start(
        self, action: Callable[[LiveModel], None], *, training: bool, copies: bool = False
    ) -> None:
        """Register an action before a model's first forward; with `training`, its first to train.

        A copy of an edited model (an average of its weights) already has the added parts and hooks;
        with `copies` the action runs for it as well.
        """
        self._start_edits.append(StartEdit(self.current, action, training, copies))

    def on_optimiser(self, action: Callable[[Optimizer], None]) -> None:
        """Register an action on every optimiser that is made, before it takes a step."""
        self._making_edits.append(MakingEdit(self.current, action))

    def on_calls(self, table: dict[Any, Handler], *, outside: bool = False) -> None:
        """Register handlers for calls of these functions in forwards; `outside`: everywhere."""
        self._calls.add(self.current, table, outside=outside)

    def override(self, group: dict[str, Any], name: str, value: Any) -> None:
        """Set an entry of a parameter group until the step has ended."""
        self._overrides.append((group, name, group[name], value))
        group[name] = value

    def override_gradient(self, parameter: Tensor, gradient: Tensor) -> None:
        """Set a parameter's gradient until the step has ended."""
        self._gradients.append((parameter, parameter.grad))
        parameter.grad = gradient

    # ------------------------------------------------------------------ open and close

    def open(self) -> None:
        """Patch torch, as far as the registered actions need it."""
        if self._start_edits:
            self.undo.append(track())
        if self._step_edits:
            pre: Any = register_optimizer_step_pre_hook(self._before)
            self._post = register_optimizer_step_post_hook(self._after)
            self.undo += [pre.remove, self._post.remove]
        if self._making_edits:
            self._patch(Optimizer, "__init__", self._wrap_making)
        if self._start_edits or self._calls:
            self._watch_forwards()
            self._force_eager()
        if self._calls:
            self._calls.open()
            self.undo.append(self._calls.close)

    def close(self) -> None:
        """Undo everything, last change first; an error in one does not keep the others."""
        self._restore_overrides()
        while self.undo:
            try:
                self.undo.pop()()
            except Exception as error:
                (self.jobs[-1] if self.jobs else self.current).fail(error)

    # ------------------------------------------------------------------ steps

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> Any:
        self._restore_overrides()  # where the last step raised, its hook after the step did not run
        # last, so that other hooks still read the entries with which the step was taken
        if optimizer_post_hooks is not None:
            optimizer_post_hooks.move_to_end(self._post.id)
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        self._act_before(optimizer, uses_gradients=None if closure is None else False)
        if closure is None or not any(each.uses_gradients for each in self._step_edits):
            return None

        def closure_then_edits() -> Any:
            loss = closure()
            self._act_before(optimizer, uses_gradients=True)
            return loss

        return (args[0],), {**kwargs, "closure": closure_then_edits}

    def _act_before(self, optimizer: Optimizer, *, uses_gradients: bool | None) -> None:
        count = self._counts.get(id(optimizer), 0)
        for each in self._step_edits:
            if each.before is None or each.job.failed:
                continue
            if uses_gradients not in (None, each.uses_gradients):
                continue
            with attempt(each.job):
                each.before(optimizer, count)

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self._restore_overrides()
        count = self._counts[id(optimizer)] = self._counts.get(id(optimizer), 0) + 1
        for each in self._step_edits:
            if each.after is not None and not each.job.failed:
                with attempt(each.job):
                    each.after(optimizer, count)

    def _restore_overrides(self) -> None:
        while self._overrides:
            group, name, value, override = self._overrides.pop()
            if group.get(name) is override:  # else the run has set it again
                group[name] = value
        while self._gradients:
            parameter, gradient = self._gradients.pop()
            parameter.grad = gradient

    def _wrap_making(self, original: Callable[..., None]) -> Callable[..., None]:
        def init(optimizer: Optimizer, *args: Any, **words: Any) -> None:
            original(optimizer, *args, **words)
            for each in self._making_edits:
                with attempt(each.job):
                    each.action(optimizer)

        return init

    # ------------------------------------------------------------------ forwards

    def _watch_forwards(self) -> None:
        """Patch the call of modules: keep the stack of open ones, and edit a model at its root."""
        self._patch(nn.Module, "__call__", self._wrap_call)

    def _wrap_call(self, original: Callable[..., Any]) -> Callable[..., Any]:
        threads, session = self.threads, self

        def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            stack = threads.stack
            outermost = not stack
            stack.append(module)
            try:
                if not outermost:
                    return original(module, *args, **kwargs)
                session._before_forward(module, original, args, kwargs)
                with session._calls.within():
                    return original(module, *args, **kwargs)
            finally:
                stack.pop()

        return call

    def _before_forward(self, module: nn.Module, original: Any, args: Any, kwargs: Any) -> None:
        """Run the start edits of this model before a forward that the user's code called."""
        if in_backward():  # a checkpoint recomputes this part, and must get the same
            return
        with attempt(self.current):
            model = self.models.model_of(module)
            if model is None:
                return
            again = partial(_call_again, original, module, args, kwargs)
            with model.about_to_run(module, again):
                self._start(model)

    def _start(self, model: LiveModel) -> None:
        self._mark(model)
        trains = torch.is_grad_enabled() and model.trains()
        for number, each in enumerate(self._start_edits):
            key = (number, id(model), id(model.called))  # a part may be called by itself
            if key in self._started or each.job.failed or (each.training and not trains):
                continue
            if model.copied and not each.copies:
                continue
            if model.lazy():  # its weights are made in this forward
                return
            self._started.add(key)
            with attempt(each.job):
                each.action(model)

    def _mark(self, model: LiveModel) -> None:
        """Recognise copies by an attribute of the model: a copy of the model carries it too."""
        if model.marked:
            return
        model.marked, state = True, vars(model.root)
        if state.get(_MARK, (0, 0))[0] == id(self):
            model.copied = state[_MARK][1] != id(model)
            return
        before = state.get(_MARK)
        state[_MARK] = (id(self), id(model))
        root = weakref.ref(model.root)
        self.undo.append(partial(_unmark, root, before))

    def _force_eager(self) -> None:
        """Run compiled models eagerly: compiled code would not see the edits."""
        self.undo.append(self._eager.restore)
        self._patch(torch, "compile", self._eager_after)
        with suppress(Exception):
            self._eager.force(over_users=True)

    def _eager_after(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def compile_(*args: Any, **kwargs: Any) -> Any:
            made = original(*args, **kwargs)  # loads the compiler
            with suppress(Exception):  # within a compiled region no stance can be set
                self._eager.force(over_users=True)
            return made

        return compile_

    def _patch(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        patch = MonkeyPatch(owner, name, make)
        patch.install()
        self.undo.append(patch.remove)


_MARK = "_relume_session"


def _unmark(ref: "weakref.ref[nn.Module]", before: Any) -> None:
    root = ref()
    if root is not None:
        vars(root).pop(_MARK, None)
        if before is not None:
            vars(root)[_MARK] = before


def _call_again(original: Any, module: nn.Module, args: Any, kwargs: Any) -> Any:
    return original(module, *copy_value(args), **copy_value(kwargs))


@contextmanager
def attempt(job: EditJob) -> Generator[None]:
    """Report an error in the block as the failure of the job, never of the run."""
    try:
        yield
    except Exception as error:
        job.fail(error)
