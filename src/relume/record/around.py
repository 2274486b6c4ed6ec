"""What of torch is set while we read, and set back: modes, autocast, the compiler's stance."""

import sys
import warnings
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.utils import _python_dispatch

# torch ships no types for it
_modes_off: Any = _python_dispatch._disable_current_modes


class ours:  # noqa: N801 - a context, as torch.no_grad is
    """Our own computing: no graph, no autocast, unseen by the user's modes (a flop counter), and
    whatever NumPy is set to say of overflows."""

    __slots__ = ("_errors", "_grad", "_stack")

    def __enter__(self) -> None:
        self._stack = (
            _shielded()
            if torch._C._len_torch_function_stack()
            or torch._C._len_torch_dispatch_stack()
            or torch.is_autocast_enabled("cpu")
            or torch.is_autocast_enabled("cuda")
            else None
        )
        self._errors = np.errstate(all="ignore")
        self._errors.__enter__()
        self._grad = torch.is_grad_enabled()
        torch.set_grad_enabled(False)

    def __exit__(self, *error: object) -> None:
        torch.set_grad_enabled(self._grad)
        self._errors.__exit__(None, None, None)
        if self._stack is not None:
            self._stack.close()


def _shielded() -> ExitStack:
    stack = ExitStack()
    if torch._C._len_torch_function_stack():
        stack.enter_context(torch._C.DisableTorchFunction())
    if torch._C._len_torch_dispatch_stack():
        stack.enter_context(_modes_off())
    for device in ("cpu", "cuda"):
        if torch.is_autocast_enabled(device):
            stack.enter_context(_exact(device))
    return stack


@contextmanager
def _exact(device: str) -> Generator[None]:
    # Not torch.autocast(enabled=False): leaving that one clears the user's cache of cast weights.
    torch.set_autocast_enabled(device, False)
    try:
        yield
    finally:
        torch.set_autocast_enabled(device, True)


class Stance:
    """Makes compiled models run eagerly for a while, without compiling anything again.

    torch's compiler chooses at each call whether to run what it compiled; under the stance
    ``force_eager`` it runs the Python code, and later goes on with what it had.
    """

    def __init__(self) -> None:
        self._set: Any = None

    def force(self) -> None:
        """Run eagerly from now on, if the compiler is loaded in this process."""
        frame = sys.modules.get("torch._dynamo.eval_frame")
        if self._set is not None or frame is None:
            return
        if frame._stance.stance != "default":
            return  # the user has set one
        self._set = torch.compiler.set_stance("force_eager")

    def restore(self) -> None:
        """As it was; if the user has set another stance since, that one stays."""
        mine, self._set = self._set, None
        frame = sys.modules.get("torch._dynamo.eval_frame")
        if mine is not None and frame is not None and frame._stance is mine.stance:
            mine.__exit__(None, None, None)


class Scaling:
    """The factor that a gradient scaler puts on the loss, seen as it is put there.

    Attributes:
        skipped: steps that a scaler skipped because a gradient was not finite.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self._scale: Tensor | None = None

    def saw(self, scaler: Any) -> None:
        """A scaler has multiplied a loss; until its update every loss is taken as scaled."""
        self._scale = scaler._scale if scaler.is_enabled() else None

    def clear(self) -> None:
        """The iteration has ended."""
        self._scale = None

    @property
    def active(self) -> bool:
        """Whether the losses of this iteration are scaled."""
        return self._scale is not None

    def undo(self, tensor: Tensor) -> Tensor:
        """A scaled tensor without the factor."""
        return tensor if self._scale is None else tensor.detach() / self._scale.to(tensor.device)

    def inverse(self) -> float | Tensor | None:
        """What to multiply gradients with: a number where reading it waits for no device."""
        if self._scale is None:
            return None
        return 1.0 / float(self._scale) if self._scale.is_cpu else self._scale.reciprocal()


class Hush:
    """Silences the one warning that our module hooks would make torch give the user.

    A compiled module, called while there are global hooks, says that these fire once more for it.
    Ours know that. Filters are put in and taken out once a recording, as every change of them
    makes Python forget which warnings it has shown.
    """

    TEXT = r"Using `torch\.compile\(module\)` when there are global hooks"

    def __init__(self) -> None:
        self._entry: Any = None

    def put(self) -> None:
        """From now on."""
        warnings.filterwarnings("ignore", message=self.TEXT, category=UserWarning)
        self._entry = warnings.filters[0]

    def take(self) -> None:
        """Until now; the user's own filters stay as they are."""
        filters: list[Any] = warnings.filters  # type: ignore[assignment]
        if self._entry is not None and self._entry in filters:
            filters.remove(self._entry)
            warnings._filters_mutated()  # type: ignore[attr-defined]
        self._entry = None


class _Switch:
    """Stands in the place of a function of torch's, and hands a call through what is patched in.

    One for all recordings at once: they come and go in any order, and where each wrapped the one
    before it the wrappers of those that had gone would never be given back.
    """

    def __init__(self, owner: Any, name: str) -> None:
        self.base = getattr(owner, name)
        self.call = self.base
        self.makers: list[Any] = []

        def entry(*args: Any, **keywords: Any) -> Any:
            return self.call(*args, **keywords)

        self.entry: Any = entry
        self.entry.__doc__, self.entry.__wrapped__ = self.base.__doc__, self.base

    def compose(self) -> None:
        """Hand calls through every wrapper there is now, the latest first."""
        self.call = self.base
        for make in self.makers:
            self.call = make(self.call)


class Patch:
    """An attribute of torch's replaced by a wrapper, and given back.

    Args:
        owner, name: where it stands.
        make: given the original, returns the wrapper; as often as it is asked.
    """

    _switches: ClassVar[dict[tuple[int, str], _Switch]] = {}

    def __init__(self, owner: Any, name: str, make: Any) -> None:
        self._owner, self._name, self._make = owner, name, make
        self._switch: _Switch | None = None

    def put(self) -> None:
        """Put the wrapper in its place."""
        key = (id(self._owner), self._name)
        switch = self._switches.get(key)
        if switch is None or getattr(self._owner, self._name) is not switch.entry:
            switch = self._switches[key] = _Switch(self._owner, self._name)
            setattr(self._owner, self._name, switch.entry)
        self._switch = switch
        switch.makers.append(self._make)
        switch.compose()

    def take(self) -> None:
        """Give the place back, when the last wrapper is taken, unless somebody has wrapped ours
        since: then it stays, and only passes calls on."""
        switch, self._switch = self._switch, None
        if switch is None:
            return
        switch.makers.remove(self._make)
        switch.compose()
        if not switch.makers and getattr(self._owner, self._name) is switch.entry:
            setattr(self._owner, self._name, switch.base)
            self._switches.pop((id(self._owner), self._name), None)
