"""Replaces acts at sites of a live model: swaps act modules, and answers function calls."""

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from relume.acts.act import Act
from relume.acts.recognise import act_functions, act_of
from relume.acts.swap import stand_in
from relume.fixes.live.call_handlers import PASS, FunctionCall
from relume.fixes.live.edit_job import EditJob, several
from relume.fixes.live.insert_modules import add_module, device_and_dtype, replace_module
from relume.fixes.live.model_names import LiveModel
from relume.fixes.live.optimizer_state import Adoption
from relume.instrument.site_name import SiteName, is_act_module

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession

Answer = Callable[[FunctionCall], Any]


class LiveSwaps:
    """Swaps the acts at sites of live models.

    Args:
        session: the session of the edit; gets one handler for the calls of all acts.
        adoption: adds the parameters of learned acts to optimisers; None where there are none.
    """

    def __init__(self, session: "EditSession", adoption: Adoption | None = None) -> None:
        self._session, self._job, self._adoption = session, session.current, adoption
        # a weak reference: a module that is freed may leave its id to another one
        self._answers: dict[tuple[int, str, int], tuple[Callable[[], nn.Module | None], Answer]]
        self._answers = {}
        self._parts: dict[str, str] = {}  # by site, the name of the part with the act's parameters
        self._counted: set[tuple[int, str, int]] = set()
        session.on_calls(dict.fromkeys(act_functions(), self._answer), outside=True)

    def module(self, model: LiveModel, old: nn.Module, new: Act | nn.Module) -> None:
        """Replace an act module."""
        act = act_of(old)
        made = new if isinstance(new, nn.Module) else stand_in(new, old, model.root, {})
        made.train(old.training)
        if replace_module(self._session, model, old, made):
            self._job.count(f"{act.name if act else type(old).__name__} replaced")

    def call(self, owner: nn.Module | None, act: str, index: int, answer: Answer) -> None:
        """Register the answer to one call of an act in a module's forward; owner None: outside."""
        if owner is None:
            self._answers[0, act, index] = _no_owner, answer
        else:
            self._answers[id(owner), act, index] = weakref.ref(owner), answer

    def swap(self, model: LiveModel, site: str, new: Act, beside: nn.Module | None) -> bool:
        """Put the new act at a site of this model; False where it has no such site."""
        name = SiteName.read(site)
        part = model.module(name.path)
        if part is None:
            return False
        if not name.act and name.index == 0 and is_act_module(part):
            old = act_of(part)
            if old is not None:
                self._replace(model, part, new, beside)
                return True
        return self.answer(model, site, self._function(model, site, new, beside))

    def answer(self, model: LiveModel, site: str, answer: Answer) -> bool:
        """Register the answer to the act's calls at a site; False if the model has no such site."""
        name = SiteName.read(site)
        part = model.module(name.path)
        if part is None:
            return False
        known = act_of(part) if not name.act else None
        act = known.name if known is not None else name.act
        self.call(part, act, name.index, answer)
        if part is model.root and not name.path:
            self.call(
                None, act, name.index, answer
            )  # it may also be called outside of the model's forward
        return True

    def answer_all(self, sites: Sequence[str], answer: Answer) -> None:
        """Answer the acts' calls at these sites of every model of the session."""

        def start(model: LiveModel) -> None:
            for site in sites:
                self.answer(model, site, answer)

        self._session.on_start(start, training=False, copies=True)

    def _replace(
        self, model: LiveModel, old: nn.Module, new: Act, beside: nn.Module | None
    ) -> None:
        made = stand_in(new, old, model.root, {})
        if beside is not None:
            made.to(**device_and_dtype(beside))
        self.module(model, old, made)
        self._adopt(made, beside, model)

    def _function(self, model: LiveModel, site: str, new: Act, beside: nn.Module | None) -> Answer:
        part = model.module(SiteName.read(site).path)
        assert part is not None
        if not new.learnable:
            return lambda call: apply_in_place(call, new)
        name = self._parts.get(site, "")
        if not (model.copied and name in part._modules):
            made = new.module(**device_and_dtype(beside or model.root))
            name = self._parts[site] = add_module(self._session, model, part, new.name, made)
            self._adopt(made, beside, model)
        return lambda call: apply_in_place(call, _part(call, name) or new)

    def _adopt(self, made: nn.Module, beside: nn.Module | None, model: LiveModel) -> None:
        parameters = list(made.parameters())
        if parameters and self._adoption is not None:
            like = next((beside or model.root).parameters(recurse=beside is None), None)
            if like is not None:
                self._adoption.add(parameters, like)

    def _answer(self, call: FunctionCall) -> Any:
        if call.act is None or not isinstance(call.z, Tensor):
            return PASS
        key = 0 if call.module is None else id(call.module)
        for name in dict.fromkeys((call.act.called(call.act.defaults), call.act.name)):
            owner, answer = self._answers.get((key, name, call.index), (_no_owner, None))
            if answer is not None and owner() is call.module:
                if (key, name, call.index) not in self._counted:
                    self._counted.add((key, name, call.index))
                    self._job.count(f"{name} replaced")
                return answer(call)
        return PASS


def _no_owner() -> None:
    """The owner of calls outside of any module: None."""


def _part(call: FunctionCall, name: str) -> nn.Module | None:
    return None if call.module is None else call.module._modules.get(name)


def apply_in_place(call: FunctionCall, new: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the new act's output; write it into the input as well where the call is in place."""
    z = call.z
    if not call.in_place:
        return new(z)
    made = new(z.clone())  # the act saves its input for backward: it must not be overwritten
    with torch.autograd.set_grad_enabled(torch.is_grad_enabled()):
        return z.copy_(made)


def swap_text(job: EditJob, new: str) -> str:
    """Say what was done: ``3 relu replaced by gelu, 2 layers drawn anew``."""
    # replaced acts first, then redrawn layers
    counts = sorted(job.counts.items(), key=lambda pair: "replaced" not in pair[0])
    parts = (
        several(count, what.replace(" replaced", f" replaced by {new}")) for what, count in counts
    )
    return ", ".join(parts)
