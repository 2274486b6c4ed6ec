"""What an act is, for everything that measures one: its value, its slope, and how torch saves it.

One record serves the recorder (which autograd node is this act, and what does the node keep),
the rules (how flat is flat) and, later, the cards.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from torch import Tensor

from relume.registry import discover, lookup

Function = Callable[..., Tensor]


@dataclass(frozen=True, slots=True)
class Node:
    """How the autograd graph shows an act.

    Attributes:
        name: the node's name, its version digit included (``"ReluBackward0"``).
        saved: the attribute that holds the act's input or output.
        holds: which of the two: ``"pre"`` or ``"post"``.
        parameters: the act's own parameters and the attributes that hold them.
        constant_input: it is this act only if one of its inputs carries no gradient
            (``torch.maximum(x, 0)``, not the larger of two signals).
    """

    name: str
    saved: str
    holds: str = "pre"
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    constant_input: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """An activation function's record.

    Attributes:
        name, family, formula, year, reference: what it is and where it comes from.
        value, slope: f(z) and f'(z), elementwise on tensors of any shape and floating dtype,
            parameters by keyword; None where the act is not elementwise.
        max_slope: the supremum of abs f' at default parameters, against which flatness is judged.
        centre: the steepest point; a flat entry below it lies on the low side.
        slope_of_post: f' as a function of f(z), where a node keeps only the output.
        post_centre: f(centre).
        kink: the convention for the slope at a kink, or ``""`` where there is none.
        nodes: how the autograd graph shows it.
        variant: the better-known name that some parameters have (hardtanh on [0, 6] is relu6).
    """

    name: str
    family: str
    formula: str
    year: int
    reference: str
    nodes: tuple[Node, ...]
    value: Function | None = None
    slope: Function | None = None
    max_slope: float = 1.0
    centre: float = 0.0
    slope_of_post: Function | None = None
    post_centre: float = 0.0
    kink: str = ""
    variant: Callable[[Mapping[str, Any]], str | None] | None = None

    def called(self, parameters: Mapping[str, Any]) -> str:
        """The name that people use for the act with these parameters."""
        return (self.variant(parameters) if self.variant else None) or self.name

    def parameters(self, shown: Node, node: Any) -> dict[str, Any]:
        """The act's own parameters as the autograd node saved them."""
        return {name: getattr(node, saved) for name, saved in shown.parameters.items()}


@cache
def acts() -> dict[str, Act]:
    """All acts by name."""
    return {act.name: act for act in discover("relume.acts", Act)}


@cache
def by_node() -> dict[str, tuple[Act, Node]]:
    """Every autograd node that shows an act, by the node's name."""
    return {node.name: (act, node) for act in acts().values() for node in act.nodes}


def find_act(name: str) -> Act:
    """The act called `name`.

    Raises:
        UnknownNameError: there is none; the message names the nearest.
    """
    return lookup(name, acts(), "act")
