"""Makes a `torch.nn.Module` of an act: parameters as attributes, under torch's names."""

import inspect
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from relume.acts.module_registry import enter_base, enter_class

if TYPE_CHECKING:
    from relume.acts.act import Act


@enter_base
class ActModule(nn.Module):
    """An act as a module: ``class GELU(ActModule, act=gelu)``.

    Args:
        args, parameters: the act's parameters, in the order of its call or by name; where torch's
            own module has `inplace`, it may follow them, as there.
        inplace: as in torch, for acts where torch's own module has it.
        exact: evaluate in the wider type (see `Act`); torch's own path otherwise.
        num_parameters: of a learnable act: 1, or one for each channel (axis 1).
        device, dtype: of learnable parameters.

    Shape:
        Any floating tensor in, the same shape and dtype out.
    """

    act: ClassVar["Act"]
    _inplace: ClassVar[bool]
    _positional: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls, act: "Act | None" = None, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        described: Any = cls  # inspect and help() read __signature__, which no stub knows
        if act is not None:
            cls.act = act
            cls._inplace = act.native is not None and "inplace" in _parameter_names(act.native)
            signature = _signature(act, inplace=cls._inplace)
            kind = Parameter.POSITIONAL_OR_KEYWORD
            cls._positional = tuple(p.name for p in signature.parameters.values() if p.kind is kind)
            described.__signature__ = signature
            cls.__doc__ = _module_docstring(act, cls.__doc__)
            enter_class(act, cls)
        if "__init__" in cls.__dict__:
            own = list(inspect.signature(cls.__init__).parameters.values())[1:]
            described.__signature__ = Signature(own)

    def __init__(
        self,
        *args: Any,
        exact: bool = False,
        inplace: bool = False,
        num_parameters: int = 1,
        device: Any = None,
        dtype: torch.dtype | None = None,
        **parameters: Any,
    ) -> None:
        super().__init__()
        if len(args) > len(self._positional):
            most = len(self._positional)
            raise TypeError(f"{type(self).__name__} takes at most {most} arguments by position")
        placed = dict(zip(self._positional, args, strict=False))
        for name in placed.keys() & parameters.keys():
            raise TypeError(f"{type(self).__name__} got {name!r} twice")
        inplace = placed.pop("inplace", inplace)
        values = self.act._bound((), {**placed, **parameters})
        if inplace and (exact or not self._inplace):
            raise TypeError(f"{type(self).__name__} has no in-place form" + " when exact" * exact)
        self.exact = exact
        if self._inplace:
            self.inplace = inplace
        for name, value in values.items():
            if name in self.act.learnable:
                start = torch.full((num_parameters,), float(value), device=device, dtype=dtype)
                setattr(self, name, nn.Parameter(start))
            else:
                setattr(self, name, value)

    def forward(self, z: Tensor) -> Tensor:
        """Return f(z), elementwise."""
        values = {name: getattr(self, name) for name in self.act.defaults}
        if self._inplace and self.inplace:
            assert self.act.native is not None
            return self.act.native(z, **values, inplace=True)
        return self.act(z, exact=self.exact, **values)

    def extra_repr(self) -> str:
        """Return the parameters that are not at their default, as written in the call."""
        parts: list[str] = []
        for name, value in self.act.defaults.items():
            mine = getattr(self, name)
            if name in self.act.learnable:
                parts.append(f"num_parameters={mine.numel()}")
            elif mine != value:
                parts.append(f"{name}={mine!r}")
        parts += [f"{flag}=True" for flag in ("inplace", "exact") if getattr(self, flag, False)]
        return ", ".join(dict.fromkeys(parts))


def _module_docstring(act: "Act", words: str | None) -> str:
    """Return the docstring of an act's module: its own words, then the act's attributes."""
    lines = [inspect.cleandoc(words or act.formula), "", f"f(z) = {act.formula}", "", "Args:"]
    for name, default in act.defaults.items():
        learned = ", learned: the value to start from" if name in act.learnable else ""
        lines.append(f"    {name}: {default!r} by default{learned}.")
    lines += [
        "    exact: evaluate value and slope in a wider type and round once; see `Act`.",
        "",
        "Shape:",
        "    Any floating tensor in, the same shape, dtype and device out.",
        "",
        *([f"Kink: {act.kink}.", ""] if act.kink else []),
        f"Reference: {act.reference}." if act.reference else "",
    ]
    return "\n".join(lines).rstrip() + "\n"


def _signature(act: "Act", *, inplace: bool) -> Signature:
    """Return the signature of an act's module: its parameters, then torch's, then relume's."""
    own = list(inspect.signature(act.value).parameters.values())[1:]
    own = [word.replace(default=act.defaults[word.name]) for word in own]
    words = [word for word in own if word.kind is Parameter.POSITIONAL_OR_KEYWORD]
    if inplace:
        kind = Parameter.POSITIONAL_OR_KEYWORD
        words.append(Parameter("inplace", kind, default=False, annotation=bool))
    words += [word for word in own if word.kind is Parameter.KEYWORD_ONLY]
    words.append(Parameter("exact", Parameter.KEYWORD_ONLY, default=False, annotation=bool))
    if act.learnable:
        for name, default in (("num_parameters", 1), ("device", None), ("dtype", None)):
            words.append(Parameter(name, Parameter.KEYWORD_ONLY, default=default))
    return Signature(words)


def _parameter_names(function: Any) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # a builtin without a signature
        return ()
