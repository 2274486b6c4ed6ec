"""Splits a loss into the terms of its sum, and says which weights each of them reaches.

A term that is added as a number or a tensor without a gradient leaves no node. Its operand is found
in the source line of the sum, by what the names in it are bound to.
"""

import ast
import linecache
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from torch import Tensor

from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    inputs,
    kind,
    leaf_of,
    saved,
)
from relume.record.graph.op_names import RESHAPE

SUMS = frozenset({"AddBackward", "SubBackward", "RsubBackward"})
SCALES = RESHAPE | {"MeanBackward", "SumBackward", "NegBackward", "MulBackward", "DivBackward"}
CUTS = frozenset({"item", "data", "detach", "numpy", "tolist"})
MOST_TERMS = 16
MOST_LINES = 5_000  # of a file that is parsed: about a tenth of a second


@dataclass(frozen=True, slots=True)
class Term:
    """One term of a loss.

    Attributes:
        node: its last operation.
        entry: the sum that it enters.
        leaves: the ids of the leaves behind it.
        factor: the constants that it is multiplied with.
    """

    node: AutogradNode
    entry: AutogradNode
    leaves: frozenset[int]
    factor: float = 1.0


def split(graph: AutogradGraph) -> tuple[list[Term], list[AutogradNode]]:
    """The terms of a loss that carry a gradient, and the sums with an operand that carries none."""
    terms: list[Term] = []
    bare: list[AutogradNode] = []
    todo: list[tuple[AutogradNode, AutogradNode, float]] = [(graph.root, graph.root, 1.0)]
    while todo and len(terms) < MOST_TERMS:
        node, entry, factor = todo.pop()
        sources = [source for source in inputs(node) if source is not None]
        if kind(node) in SUMS:
            if len(sources) == 1:
                bare.append(node)
            todo += [(source, node, factor) for source in sources]
        elif kind(node) in SCALES and len(sources) == 1:
            todo.append((sources[0], entry, factor * abs(factor_of(node) or 1.0)))
        else:
            terms.append(Term(node, entry, _leaves(node), factor))
    return terms, bare


def number_of(node: AutogradNode) -> float | None:
    """The number that a product or a quotient has as its other operand."""
    value = saved(node, "_saved_other")
    if value is None:
        value = saved(node, "_saved_self")
    if isinstance(value, Tensor):
        return float(value) if value.numel() == 1 else None
    return float(value) if isinstance(value, int | float) else None


def factor_of(node: AutogradNode) -> float | None:
    """What a product with one number, or a quotient by one, multiplies with; None of others.

    A number that is learned is none: it has a place among the node's inputs.
    """
    sources = [source for source in inputs(node) if source is not None]
    if kind(node) not in ("MulBackward", "DivBackward") or len(sources) != 1:
        return None
    number = number_of(node)
    if not number or not math.isfinite(number):
        return None
    if kind(node) == "MulBackward":
        return number
    return None if inputs(node)[0] is None else 1 / number  # else the number is divided


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
    for side in _sides(file, line):
        if _is_cut(side, names, leaves):
            return ast.unparse(side)
    return ""


def bare_operands(
    file: str, line: int, names: Mapping[str, Any]
) -> Iterator[tuple[str, frozenset[int]]]:
    """Yield the operands of a sum on this line that may be numbers, or tensors without a gradient.

    Args:
        file: the source file.
        line: the line of the sum.
        names: what the names of the frame that runs it are bound to; empty where it has returned.

    Yields:
        the source text of each, and the lines of its function on which a value of its names is
        made by a call that leaves the gradient behind (`float`, `.item()`).
    """
    for side in _sides(file, line):
        found = {name: names.get(name) for name in _names(side)}
        lines = _cut_lines(file, line, frozenset(found))
        bare = any(isinstance(v, float | Tensor) for v in found.values())
        if (bare or lines) and not any(
            isinstance(v, Tensor) and v.requires_grad for v in found.values()
        ):
            yield ast.unparse(side), lines


def _sides(file: str, line: int) -> Iterator[ast.expr]:
    """Yield the operands of the sums in the statement on this line."""
    for node in ast.walk(_statement(_tree(file), line)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            yield from (node.left, node.right)
        elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
            yield node.value


def _tree(file: str) -> ast.AST:
    lines = linecache.getlines(file)
    return _parsed("".join(lines)) if len(lines) <= MOST_LINES else ast.Module([], [])


@lru_cache(maxsize=4)
def _parsed(text: str) -> ast.AST:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _statement(tree: ast.AST, line: int) -> ast.AST:
    """The innermost statement on this line; of a block, its head has no sum that is looked for."""
    found = tree
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            found = node
    return ast.Module([], []) if found is tree or hasattr(found, "body") else found


def _cut_lines(file: str, line: int, names: frozenset[str]) -> frozenset[int]:
    """The lines of assignments to these names, in the same function, whose values are cut off."""
    tree = _tree(file)
    inside: ast.AST = tree
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
            node.lineno <= line <= (node.end_lineno or line)
        ):
            inside = node
    found: set[int] = set()
    for node in ast.walk(inside):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            bound = {name for target in targets for name in _names(target)}
            cuts = [part for part in ast.walk(node.value) if _leaves_torch(part)]
            kept = {name for part in cuts for name in _names(part)}
            # a moving average of itself is a statistic, no term
            if cuts and bound & names and not bound & ({*_names(node.value)} - kept):
                found |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return frozenset(found)


def _names(node: ast.AST) -> Iterator[str]:
    return (part.id for part in ast.walk(node) if isinstance(part, ast.Name))


def _leaves_torch(node: ast.AST) -> bool:
    """Whether it is a call, or an attribute, that leaves the gradient behind."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "float"
    return isinstance(node, ast.Attribute) and node.attr in CUTS


def _is_cut(side: ast.expr, names: Mapping[str, Any], leaves: Mapping[int, Tensor]) -> bool:
    for node in ast.walk(side):
        if isinstance(node, ast.Attribute | ast.Call) and _leaves_torch(node):
            inner = [node.value] if isinstance(node, ast.Attribute) else node.args
            value = _value(inner[0], names) if inner else None
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
