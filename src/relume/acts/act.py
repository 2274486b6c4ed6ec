"""Defines an act: one record for everything that calls, measures or recognises it.

The record serves the caller (`gelu(z)`), the recorder (which autograd node is this act, and what
does the node save), the rules (where it is flat), `swap` (which modules are it) and the cards.
`register` makes a record from one function; the package's own acts are made the same way.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from relume.acts.module_registry import module_of
from relume.acts.traits import measure_traits
from relume.acts.wide_precision import derivative, evaluate, make_function, node_name
from relume.errors import UsageError
from relume.registry import discover, lookup

if TYPE_CHECKING:
    from relume.acts.module import ActModule

Formula = Callable[..., Tensor]


@dataclass(frozen=True, slots=True)
class Node:
    """How the autograd graph shows an act.

    Attributes:
        name: the node's name, its version digit included (``"ReluBackward0"``).
        saved: the attribute that holds the act's input or output.
        holds: which of the two: ``"pre"`` or ``"post"``.
        parameters: the act's own parameters and the attributes that hold them; None for a node
            of relume's, which keeps them by name.
        constant_input: it is this act only if one of its inputs carries no gradient
            (``torch.maximum(x, 0)``, not the larger of two signals).
    """

    name: str
    saved: str
    holds: str = "pre"
    parameters: Mapping[str, str] | None = field(default_factory=dict[str, str])
    constant_input: bool = False

    def read(self, node: Any) -> Tensor:
        """Return the tensor that `node` saved, the act's input or its output (see `holds`)."""
        saved: Any = getattr(node, self.saved)
        return saved[0] if self.parameters is None else saved


@dataclass(frozen=True, eq=False)
class Act:
    """An activation function: call it, or read its attributes.

    ``act(z, **parameters)`` is f(z), of the shape, dtype and device of `z`, which is any floating
    tensor. It takes torch's own path where torch has one (`native`); with ``exact=True`` value
    and slope are evaluated in a wider type (float64 for float32, float32 for half types) and
    rounded once, in backward and double backward too.

    Attributes:
        name, family, formula, year, reference: its definition and its source.
        value, slope, curvature: f, f' and f'' as stable formulas in the dtype of their input,
            parameters by keyword. `slope` is None where the act is not elementwise.
        defaults: the parameters and their default values, in the order of the call.
        learnable: those of them that training learns.
        native: the fast path, with torch's parameter names; None where torch has none.
        kink: the convention for the slope at a kink, or ``""`` where there is none.
        kinks: where f' jumps, as a function of the parameters.
        centre: a flat entry below it lies on the low side, others on the high side.
        slope_of_post: f' as a function of f(z), where a node keeps only the output.
        nodes: how the autograd graph shows it when torch computes it.
        matches: the framework's names for it, importable paths such as ``"torch.nn.GELU"``, with
            the parameters that they stand for in brackets.
        aliases: other names for it, with parameters in brackets if need be.
        variant: the better-known name that some parameters have (hardtanh on [0, 6] is relu6).
        declared_max_slope: the supremum of abs f', at default parameters or as a function of
            them; None: it is measured.
        init: initialisations that suit it, the best first (``"he"``, ``"xavier"``, ``"lecun"``);
            empty: they follow from its shape.
        clips: it is written as a limit on values rather than as an act (clamp); what keeps values
            between two limits as they are is recognised without it.
        mean_square: E f(z)^2 (``"forward"``) or E f'(z)^2 (``"backward"``) under N(0, 1) for an
            act over an axis, where `gain` cannot integrate over one variable.
        function: the autograd function that evaluates it, made by `register`.
    """

    name: str
    family: str
    formula: str
    year: int
    reference: str
    value: Formula
    slope: Formula | None = None
    curvature: Formula | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    learnable: tuple[str, ...] = ()
    native: Formula | None = None
    kink: str = ""
    kinks: Callable[..., tuple[float, ...]] | None = None
    centre: float = 0.0
    slope_of_post: Formula | None = None
    nodes: tuple[Node, ...] = ()
    matches: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    variant: Callable[[Mapping[str, Any]], str | None] | None = None
    declared_max_slope: float | Callable[..., float] | None = None
    init: tuple[str, ...] = ()
    clips: bool = False
    mean_square: Callable[..., float] | None = None
    function: Any = None

    def __call__(self, z: Tensor, *args: Any, exact: bool = False, **parameters: Any) -> Tensor:
        """Return f(z); see the class. Unknown parameters raise TypeError as in any call."""
        values = self._bound(args, parameters)
        if not exact and self.native is not None:
            return self.native(z, **values)
        if self.function is None:  # over a whole axis: autograd differentiates it in the wide type
            return evaluate(self.value, z, values, wide=exact)
        for name in self.learnable:
            values[name] = along_channels(values[name], z)
        return self.function.apply(exact, z, *values.values())

    @property
    def elementwise(self) -> bool:
        """Whether the act has a slope for each element."""
        return self.slope is not None

    @cached_property
    def max_slope(self) -> float:
        """The supremum of abs f' at these parameters, the reference for flatness."""
        if callable(self.declared_max_slope):
            return self.declared_max_slope(**self.defaults)
        if self.declared_max_slope is not None:
            return self.declared_max_slope
        return float(self._slopes(_grid()).abs().nan_to_num().max())

    @cached_property
    def post_centre(self) -> float:
        """f(centre)."""
        at = torch.tensor(self.centre, dtype=torch.float64)
        return float(evaluate(self.value, at, self.defaults, wide=True))

    @cached_property
    def smooth(self) -> bool:
        """Whether f' bends and is nowhere exactly zero for long: a zero there is rounding."""
        if not self.elementwise:
            return True
        slopes = self._slopes(torch.linspace(-8, 8, 4001, dtype=torch.float64))
        return float((slopes == 0).double().mean()) < 0.01 and int((slopes.diff() != 0).sum()) > 8

    @cached_property
    def rectifies(self) -> bool:
        """Whether the low side falls silent by design: f and f' go to 0 there and not above."""
        if not self.elementwise:
            return False
        ends = torch.tensor([-1e4, 1e4], dtype=torch.float64)
        low, high = (float(size) for size in self._slopes(ends).abs())
        silent = abs(float(evaluate(self.value, ends, self.defaults, wide=True)[0])) < 1e-3
        return silent and low < 0.01 * self.max_slope and high > 0.5 * self.max_slope

    @cached_property
    def leaks(self) -> bool:
        """Whether f is of two straight pieces that both pass the signal on."""
        if not self.elementwise or self.smooth or len(self.kinks_at()) != 1:
            return False
        return bool((self._slopes(torch.tensor([-1e4, 1e4], dtype=torch.float64)) != 0).all())

    @cached_property
    def traits(self) -> Mapping[str, Any]:
        """What rules and fixes ask of the act, by the names of `core.Site`'s fields."""
        return MappingProxyType(measure_traits(self))

    def traits_at(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the traits at the parameters that a call had; tensors stay at their defaults."""
        known = acts().get(self.called(parameters), self)
        if known.name != self.name:
            return known.traits  # a variant: its own record knows more
        numbers = {
            name: value
            for name, value in parameters.items()
            if name in self.defaults
            and (value is None or isinstance(value, int | float))
            and value != self.defaults[name]
        }
        return _traits(self, tuple(sorted(numbers.items()))) if numbers else self.traits

    def exact_slope(self, z: Tensor, **parameters: Any) -> Tensor:
        """Return f'(z), evaluated in the wider type and rounded once; shape and dtype of `z`."""
        if self.slope is None:
            raise UsageError(f"{self.name} works on a whole axis; it has no slope of one element.")
        return evaluate(self.slope, z, self._bound((), parameters), wide=True)

    def bind(self, **parameters: Any) -> "Act":
        """Return the same act with other defaults, under the same name."""
        values = self._bound((), parameters)
        if not parameters:
            return self
        known = self.declared_max_slope if callable(self.declared_max_slope) else None
        return replace(self, defaults=MappingProxyType(values), declared_max_slope=known)

    def kinks_at(self, **parameters: Any) -> tuple[float, ...]:
        """Return where f' jumps, ascending."""
        if self.kinks is None:
            return ()
        return tuple(sorted(self.kinks(**self._bound((), parameters))))

    def called(self, parameters: Mapping[str, Any]) -> str:
        """Return the usual name of the act with these parameters."""
        return (self.variant(parameters) if self.variant else None) or self.name

    def parameters(self, how: Node, node: Any) -> dict[str, Any]:
        """Return the act's own parameters as the autograd node saved them."""
        if how.parameters is None:
            saved_values = iter(node.saved_tensors[1:])
            return {name: next(saved_values) if v is ... else v for name, v in node.relume.items()}
        return {name: getattr(node, saved) for name, saved in how.parameters.items()}

    def module(self, **options: Any) -> "ActModule":
        """Return this act as a `torch.nn.Module` at these parameters (options: see `ActModule`)."""
        return module_of(self)(**{**self.defaults, **options})

    def __deepcopy__(self, memo: Any) -> "Act":
        return self  # a record, like the function it stands for

    def __reduce__(self) -> Any:
        return _restore, (self.name, dict(self.defaults))

    def __str__(self) -> str:
        bound = ", ".join(f"{name}={value!r}" for name, value in self.defaults.items())
        return f"{self.name}({bound})" if bound else self.name

    def _bound(self, args: tuple[Any, ...], parameters: Mapping[str, Any]) -> dict[str, Any]:
        if not args and not parameters:
            return dict(self.defaults)
        names = tuple(self.defaults)
        if len(args) > len(names):
            raise TypeError(f"{self.name} takes at most {len(names)} parameters, got {len(args)}")
        # cut to length: the compiler of torch 2.8 takes every zip for a strict one
        named = {**dict(zip(names[: len(args)], args, strict=True)), **parameters}
        for name in named:
            if name not in self.defaults:
                known = ", ".join(names) or "none"
                raise TypeError(f"{self.name} has no parameter {name!r}; it has: {known}")
        return {**self.defaults, **named}

    def _slopes(self, z: Tensor) -> Tensor:
        assert self.slope is not None
        return evaluate(self.slope, z, self.defaults, wide=True)


@cache
def _traits(act: Act, values: tuple[tuple[str, Any], ...]) -> Mapping[str, Any]:
    return act.bind(**dict(values)).traits


def _restore(name: str, defaults: Mapping[str, Any]) -> Act:
    """Return the act called `name` at these parameters; unpickling calls this."""
    return find_act(name).bind(**defaults)


def along_channels(parameter: Any, z: Tensor) -> Any:
    """Shape a parameter with one number a channel so that it lies along axis 1 of `z`."""
    if not isinstance(parameter, Tensor):
        return parameter
    if parameter.numel() == 1:
        return parameter.reshape(())
    return parameter.reshape(-1, *[1] * (z.dim() - 2))  # (channels, 1, ..)


def _grid() -> Tensor:
    """Return points to search for the largest slope: dense around zero, then up to 1e4."""
    near = torch.linspace(-40, 40, 160_001, dtype=torch.float64)
    far = torch.logspace(1.6, 4, 500, dtype=torch.float64)
    return torch.cat((-far, near, far))


_registered: dict[str, Act] = {}


def register(
    *,
    formula: str,
    family: str = "own",
    year: int = 0,
    reference: str = "",
    slope: Formula | None = None,
    elementwise: bool = True,
    learnable: tuple[str, ...] = (),
    **more: Any,
) -> Callable[[Formula], Act]:
    """Make an act of a function; slope, gain, card and rules then work on it.

    The function takes a floating tensor and the act's parameters with defaults, and consists of
    torch operations. With ``exact=True`` it is evaluated in float64, so cancellation is the only
    thing to avoid. Its name is the act's name.

    Args:
        formula: f in one line of text.
        family: the group that it is listed in.
        year: of its publication, 0 if none.
        reference: the paper that introduced it.
        slope: f' with the same parameters; without it torch differentiates the function.
        elementwise: False for an act over an axis, which has no slope of one element.
        learnable: the parameters that training learns.
        more: further attributes of `Act`: curvature, native, kinks, nodes, matches and so on.

    Returns:
        A decorator that gives the `Act`.

    Raises:
        UsageError: the name is taken by one of the package's acts, or the function has a
            parameter without a default.

    Example:
        >>> from relume.acts import register
        >>> @register(formula="z * sigmoid(beta * z)")
        ... def my_swish(z, beta=1.5):
        ...     return z * torch.sigmoid(beta * z)
        >>> round(float(my_swish(torch.tensor(2.0))), 4)
        1.9051
    """

    def make(value: Formula) -> Act:
        name = value.__name__
        words = list(inspect.signature(value).parameters.values())[1:]
        bare = [word.name for word in words if word.default is inspect.Parameter.empty]
        if bare:
            raise UsageError(f"the act {name!r} needs a default for its parameter {bare[0]!r}.")
        derived = slope or (derivative(value) if elementwise else None)
        made = Act(
            name=name,
            family=family,
            formula=formula,
            year=year,
            reference=reference,
            value=value,
            slope=derived,
            defaults=MappingProxyType({word.name: word.default for word in words}),
            learnable=learnable,
            **more,
        )
        if derived is not None:
            function = make_function(name, tuple(made.defaults), value, derived, made.curvature)
            object.__setattr__(made, "function", function)
        object.__setattr__(made, "__doc__", value.__doc__ or formula)
        if not value.__module__.startswith("relume.acts."):
            _enter(made)
        return made

    return make


def _enter(act: Act) -> None:
    if act.name in shipped():
        raise UsageError(f"the act {act.name!r} is one of relume's own; give yours another name.")
    _registered[act.name] = act
    by_node.cache_clear()


@cache
def shipped() -> Mapping[str, Act]:
    """Return the package's acts by name."""
    return MappingProxyType({act.name: act for act in discover("relume.acts", Act)})


def acts() -> dict[str, Act]:
    """Return all acts by name, registered ones last."""
    return {**shipped(), **_registered}


@cache
def by_node() -> dict[str, tuple[Act, Node]]:
    """Return every autograd node that shows an act, by the node's name."""
    nodes: dict[str, tuple[Act, Node]] = {}
    for act in acts().values():
        for node in act.nodes:
            nodes[node.name] = act, node
        if act.function is not None:
            name = node_name(act.name)
            nodes[name] = act, Node(name, "saved_tensors", parameters=None)
    return nodes


def find_act(name: str) -> Act:
    """Return the act called `name`.

    Raises:
        UnknownNameError: there is none; the message names the nearest.
    """
    return lookup(name, acts(), "act")
