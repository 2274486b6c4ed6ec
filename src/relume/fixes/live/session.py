"""The bench: where edits wait for what they change, and what undoes all of it.

Fixes register actions while they are laid; the bench is then opened, patches torch as far as the
actions need it (optimiser steps, module calls, function calls), and closed. Everything that is
changed leaves a way back in `undo`, and the ways back are taken last one first.
"""

import sys
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.optim.optimizer as optimizer_file
from torch import nn
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

# torch's table of the hooks after a step; without it ours is not moved to its end
_POST_HOOKS: Any = getattr(optimizer_file, "_global_optimizer_post_hooks", OrderedDict())


@dataclass(slots=True)
class StepEdit:
    """What is done around every optimiser step.

    Attributes:
        before: gets the optimiser and how many steps it has taken under this bench.
        after: gets the optimiser, once the step has been taken.
        graded: `before` reads or changes gradients: where the step computes them itself, in a
            closure, it acts after that.
    """

    job: EditJob
    before: Callable[[Optimizer, int], None] | None
    after: Callable[[Optimizer, int], None] | None
    graded: bool = False


@dataclass(slots=True)
class StartEdit:
    """What is done to a model before its first forward, or its first one in training."""

    job: EditJob
    action: Callable[[LiveModel], None]
    training: bool
    copies: bool = False


class EditSession:
    """Edits laid over whatever trains in this process.

    Attributes:
        done: each edit in words as it was laid, with counts.
        missed: a sentence for each edit that found nothing to change, or failed.
    """

    def __init__(self) -> None:
        self.jobs: list[EditJob] = []
        self.current = EditJob(Edit(""))
        self.models = LiveModels()
        self.undo: list[Callable[[], None]] = []
        self._steppings: list[StepEdit] = []
        self._startings: list[StartEdit] = []
        self._started: set[tuple[int, int, int]] = set()  # (starting, model, module)
        self.threads = Threads()
        self._calls = CallHandlers(self.models, self.threads)
        self._counts: dict[int, int] = {}
        self._lent: list[tuple[dict[str, Any], str, Any, Any]] = []
        self._post: Any = None
        self._is_eager = False

    @property
    def done(self) -> list[str]:
        """Each edit that changed something, in words with counts."""
        return [job.told() for job in self.jobs if job.counts]

    @property
    def missed(self) -> list[str]:
        """One sentence for each edit that found nothing to change, or that failed."""
        said: list[str] = []
        for job in self.jobs:
            if job.failed:
                said.append(f"{job.text}: failed, {job.failed[0]}")
            elif not job.counts:
                reason = "; ".join(dict.fromkeys(job.notes)) or job.wanting
                said.append(f"{job.text}: nothing was changed, {reason}")
        return said

    @property
    def notes(self) -> list[str]:
        """What an edit left as it is although it changed something, a sentence each."""
        return [f"{job.text}: {note}" for job in self.jobs if job.counts for note in job.notes]

    # ------------------------------------------------------------------ what fixes call

    @contextmanager
    def job(self, edit: Edit) -> Generator[EditJob]:
        """The edit that registers next; what fails while it does is its failure."""
        self.current = EditJob(edit)
        self.jobs.append(self.current)
        with attempt(self.current):
            yield self.current

    def on_step(
        self,
        before: Callable[[Optimizer, int], None] | None = None,
        after: Callable[[Optimizer, int], None] | None = None,
        *,
        graded: bool = False,
    ) -> None:
        """Act around every optimiser step of the run."""
        self._steppings.append(StepEdit(self.current, before, after, graded))

    def on_start(
        self, action: Callable[[LiveModel], None], *, training: bool, copies: bool = False
    ) -> None:
        """Act before a model's first forward; with `training`, on the first one that trains.

        A copy of a treated model (an average of its weights) has its parts and hooks; with
        `copies` the action is called for it as well.
        """
        self._startings.append(StartEdit(self.current, action, training, copies))

    def on_calls(self, table: dict[Any, Handler], *, outside: bool = False) -> None:
        """Answer calls of these functions in the forwards of models; also outside of them."""
        self._calls.add(self.current, table, outside=outside)

    def lend(self, group: dict[str, Any], name: str, value: Any) -> None:
        """Set an entry of a parameter group for the length of the step."""
        self._lent.append((group, name, group[name], value))
        group[name] = value

    # ------------------------------------------------------------------ open and shut

    def open(self) -> None:
        """Patch torch, as far as the registered actions need it."""
        if self._startings:
            self.undo.append(track())
        if self._steppings:
            pre: Any = register_optimizer_step_pre_hook(self._before)
            self._post = register_optimizer_step_post_hook(self._after)
            self.undo += [pre.remove, self._post.remove]
        if self._startings or self._calls:
            self._watch_forwards()
            self._force_eager()
        if self._calls:
            self._calls.open()
            self.undo.append(self._calls.close)

    def close(self) -> None:
        """Take everything back, last change first; one that fails does not keep the others."""
        self._give_back()
        while self.undo:
            try:
                self.undo.pop()()
            except Exception as error:
                (self.jobs[-1] if self.jobs else self.current).fail(error)

    # ------------------------------------------------------------------ steps

    def _before(self, optimizer: Optimizer, args: Any, words: Any) -> Any:
        self._give_back()  # a step that raised had no end
        # last, so that whoever else looks at the end of a step sees what the step was taken with
        _POST_HOOKS.move_to_end(self._post.id)
        closure = words.get("closure", args[1] if len(args) > 1 else None)
        self._act_before(optimizer, graded=None if closure is None else False)
        if closure is None or not any(each.graded for each in self._steppings):
            return None

        def graded() -> Any:
            loss = closure()
            self._act_before(optimizer, graded=True)
            return loss

        return (args[0],), {**words, "closure": graded}

    def _act_before(self, optimizer: Optimizer, *, graded: bool | None) -> None:
        count = self._counts.get(id(optimizer), 0)
        for each in self._steppings:
            if each.before is None or each.job.failed or graded not in (None, each.graded):
                continue
            with attempt(each.job):
                each.before(optimizer, count)

    def _after(self, optimizer: Optimizer, args: Any, words: Any) -> None:
        self._give_back()
        count = self._counts[id(optimizer)] = self._counts.get(id(optimizer), 0) + 1
        for each in self._steppings:
            if each.after is not None and not each.job.failed:
                with attempt(each.job):
                    each.after(optimizer, count)

    def _give_back(self) -> None:
        while self._lent:
            group, name, value, lent = self._lent.pop()
            if group.get(name) is lent:  # else the run has set it anew
                group[name] = value

    # ------------------------------------------------------------------ forwards

    def _watch_forwards(self) -> None:
        """Every call of a module passes here: who is open in this thread, and which is a root."""
        kind: Any = nn.Module
        original = kind.__call__
        threads, bench, open_ = self.threads, self, [True]

        def call(module: nn.Module, *args: Any, **words: Any) -> Any:
            if not open_:  # a compiled model keeps the method that it found when it was made
                return original(module, *args, **words)
            stack = threads.stack
            outermost = not stack
            stack.append(module)
            try:
                if not outermost:
                    return original(module, *args, **words)
                bench._meet(module, original, args, words)
                with bench._calls.within():
                    return original(module, *args, **words)
            finally:
                stack.pop()

        kind.__call__ = call

        def back() -> None:
            kind.__call__ = original
            open_.clear()

        self.undo.append(back)

    def _meet(self, module: nn.Module, original: Any, args: Any, words: Any) -> None:
        """Before a forward that the user's code asked for: whatever waits for this model."""
        if _in_backward():  # a checkpointed part is computed again, and must come out the same
            return
        with attempt(self.current):
            model = self.models.meet(module)
            if model is None:
                return
            again = partial(_call_again, original, module, args, words)
            with model.about_to_run(module, again):
                self._start(model)

    def _start(self, model: LiveModel) -> None:
        self._mark(model)
        trains = torch.is_grad_enabled() and model.trains()
        for number, each in enumerate(self._startings):
            key = (number, id(model), id(model.called))  # a part may be called on its own
            if key in self._started or each.job.failed or (each.training and not trains):
                continue
            if model.copied and not each.copies:
                continue
            if model.lazy():  # its weights come into being in this forward
                return
            self._started.add(key)
            with attempt(each.job):
                each.action(model)

    def _mark(self, model: LiveModel) -> None:
        """Know copies: an attribute of the model, which a copy brings along, names the original."""
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
        """Compiled code would not see what is changed: under a bench it runs eagerly."""
        kit: Any = torch
        original = kit.compile

        def compile_(*args: Any, **words: Any) -> Any:
            made = original(*args, **words)
            self._eager()
            return made

        kit.compile = compile_

        def back() -> None:
            kit.compile = original

        self.undo.append(back)
        if "torch._dynamo" in sys.modules:
            self._eager()

    def _eager(self) -> None:
        if self._is_eager:
            return
        self._is_eager = True
        # a torch without stances has nothing that we could ask; its import may warn
        with suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            set_stance: Any = torch.compiler.set_stance
            set_stance("force_eager")
            self.undo.append(partial(set_stance, "default"))


def _in_backward() -> bool:
    return _graph_task() != -1


# private: without it checkpointed parts are met in their recomputation as well
_graph_task: Any = getattr(torch._C, "_current_graph_task_id", lambda: -1)

_MARK = "_relume_bench"


def _unmark(ref: "weakref.ref[nn.Module]", before: Any) -> None:
    root = ref()
    if root is not None:
        vars(root).pop(_MARK, None)
        if before is not None:
            vars(root)[_MARK] = before


def _call_again(original: Any, module: nn.Module, args: Any, words: Any) -> Any:
    return original(module, *copy_value(args), **copy_value(words))


@contextmanager
def attempt(job: EditJob) -> Generator[None]:
    """An error of ours is the job's, never the run's."""
    try:
        yield
    except Exception as error:
        job.fail(error)
