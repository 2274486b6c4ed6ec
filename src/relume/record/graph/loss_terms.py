"""Splits a loss into the terms of its sum, and says which weights each of them reaches.

A term that is added as a number or a tensor without a gradient leaves no node. Its operand is found
in the source line of the sum, by what the names in it are bound to.
"""

import ast
import linecache
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from relume.record.graph.autograd_graph import AutogradGraph, AutogradNode, inputs, kind, leaf_of
from relume.record.graph.op_names import RESHAPE

SUMS = frozenset({"AddBackward", "SubBackward", "RsubBackward"})
SCALES = RESHAPE | {"MeanBackward", "SumBackward", "NegBackward", "MulBackward", "DivBackward"}
CUTS = frozenset({"item", "data", "detach", "numpy", "tolist"})
MOST_TERMS = 16


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a loss: its node, the sum that it enters, and the ids of the leaves behind it."""

    node: AutogradNode
    entry: AutogradNode
    leaves: frozenset[int]


def split(graph: AutogradGraph) -> tuple[list[Term], list[AutogradNode]]:
    """The terms of a loss that carry a gradient, and the sums with an operand that carries none."""
    terms: list[Term] = []
    bare: list[AutogradNode] = []
    todo: list[tuple[AutogradNode, AutogradNode]] = [(graph.root, graph.root)]
    while todo and len(terms) < MOST_TERMS:
        node, entry = todo.pop()
        sources = [source for source in inputs(node) if source is not None]
        if kind(node) in SUMS:
            if len(sources) == 1:
                bare.append(node)
            todo += [(source, node) for source in sources]
        elif kind(node) in SCALES and len(sources) == 1:
            todo.append((sources[0], entry))
        else:
            terms.append(Term(node, entry, _leaves(node)))
    return terms, bare


def _leaves(root: AutogradNode) -> frozenset[int]:
    seen, queue, found = {root}, [root], set[int]()
    for node in queue:
        leaf = leaf_of(node)
        if leaf is not None:
            found.add(id(leaf))
            continue
        for source in inputs(node):
            if source is not None and source not in seen:
                seen.add(source)
                queue.append(source)
    return frozenset(found)


def cut_operand(
    file: str, line: int, names: Mapping[str, Any], leaves: Mapping[int, Tensor]
) -> str:
    """The operand of a sum on this line that depends on weights and has lost its gradient.

    Args:
        file: the source file.
        line: the line of the sum.
        names: what the names of the frame that runs it are bound to.
        leaves: the graph's leaves by the address of their memory.

    Returns:
        its source text; ``""`` where no operand is known to depend on a weight.
    """
    try:
        tree = ast.parse(linecache.getline(file, line).strip())
    except (SyntaxError, ValueError):
        return ""
    for node in ast.walk(tree):
        sides: list[ast.expr] = []
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            sides = [node.left, node.right]
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
            sides = [node.value]
        for side in sides:
            if _is_cut(side, names, leaves):
                return ast.unparse(side)
    return ""


def _is_cut(side: ast.expr, names: Mapping[str, Any], leaves: Mapping[int, Tensor]) -> bool:
    for node in ast.walk(side):
        if isinstance(node, ast.Attribute) and node.attr in CUTS:
            value = _value(node.value, names)
            if isinstance(value, Tensor) and value.requires_grad:
                return True
        value = _value(node, names) if isinstance(node, ast.Name) else None
        if isinstance(value, Tensor) and not value.requires_grad and value.is_floating_point():
            leaf = leaves.get(value.data_ptr())
            if leaf is not None and leaf.requires_grad and leaf.numel() == value.numel():
                return True
    return False


def _value(node: ast.AST, names: Mapping[str, Any]) -> Any:
    """What a name, or an attribute of a plain object, is bound to; nothing is called."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _value(node.value, names)
        held: Any = {**getattr(owner, "_parameters", {}), **getattr(owner, "__dict__", {})}
        return held.get(node.attr)
    return None
