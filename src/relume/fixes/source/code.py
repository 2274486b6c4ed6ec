"""Parses a user's source with libcst, and tells what each name in it *is*.

A name is resolved through imports and through the one assignment that makes it (libcst's metadata),
never by its spelling: ``F.relu`` is torch's after ``import torch.nn.functional as F`` alone, and
``self.sigmoid(x)`` is the user's own method.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast

import libcst as cst
from libcst.metadata import (
    Assignment,
    MetadataWrapper,
    ParentNodeProvider,
    PositionProvider,
    QualifiedName,
    QualifiedNameProvider,
    QualifiedNameSource,
    ScopeProvider,
)

Change = Callable[[Any], Any]
"""Maps a node, its parts already changed, to what takes its place."""
Node = TypeVar("Node", bound=cst.CSTNode)
DEEPEST = 4  # assignments that are followed from name to name: nobody writes longer chains


class Code:
    """A parsed source file.

    Args:
        text: the whole text.

    Raises:
        cst.ParserSyntaxError: it is no Python.
    """

    def __init__(self, text: str) -> None:
        wrapper = MetadataWrapper(cst.parse_module(text))
        self.module = wrapper.module
        self._names: Mapping[Any, Any] = wrapper.resolve(QualifiedNameProvider)
        self._places: Mapping[Any, Any] = wrapper.resolve(PositionProvider)
        self._parents: Mapping[Any, Any] = wrapper.resolve(ParentNodeProvider)
        self._scopes: Mapping[Any, Any] = wrapper.resolve(ScopeProvider)

    def nodes(self, kind: type[Node], within: cst.CSTNode | None = None) -> list[Node]:
        """Return the nodes of a kind in the order of the source."""
        return [node for node in _walk(within or self.module) if isinstance(node, kind)]

    def parent(self, node: cst.CSTNode) -> Any:
        """Return the node above, or None."""
        return self._parents.get(node)

    def above(self, node: cst.CSTNode, *kinds: type[cst.CSTNode]) -> Any:
        """Return the nearest node above of one of these kinds, or None."""
        while (found := self.parent(node)) is not None:
            if isinstance(found, kinds):
                return found
            node = found
        return None

    def is_on(self, node: cst.CSTNode, line: int) -> bool:
        """Whether the node covers that line."""
        place = self._places.get(node)
        return place is not None and place.start.line <= line <= place.end.line

    def line(self, node: cst.CSTNode) -> int:
        """Return the line on which a node begins."""
        return int(self._places[node].start.line)

    def text(self, node: cst.CSTNode) -> str:
        """Return a node as source."""
        return self.module.code_for_node(node)

    def name(self, node: cst.CSTNode, depth: int = 0) -> str:
        """Return the full path of what a name stands for, such as ``torch.nn.functional.relu``.

        Empty for what neither an import nor a single assignment of an imported name explains.
        """
        found = self._names.get(node, ())
        names = cast("Iterable[QualifiedName]", found() if callable(found) else found)
        for each in names:
            if each.source is QualifiedNameSource.IMPORT:
                return str(each.name)
        if isinstance(node, cst.Name) and depth < DEEPEST:
            value = self.value_of(node)
            if isinstance(value, cst.Name | cst.Attribute):
                return self.name(value, depth + 1)
        return ""

    def value_of(self, node: cst.CSTNode) -> Any:
        """Return the expression that the only assignment gives to a name or to ``self.name``."""
        if isinstance(node, cst.Name):
            scope = self._scopes.get(node)
            made = list(scope[node.value]) if scope is not None else []
            if len(made) != 1 or not isinstance(made[0], Assignment):
                return None
            target = self.parent(made[0].node)
            given = self.parent(target) if isinstance(target, cst.AssignTarget) else target
            plain = isinstance(given, cst.Assign) or (
                isinstance(given, cst.AnnAssign) and given.target is made[0].node
            )
            return given.value if plain else None
        owner = self.above(node, cst.ClassDef)
        if owner is None or not is_of_self(node):
            return None
        made = [value for path, value in self._assigned(owner) if path == dotted(node)]
        return made[0] if len(made) == 1 else None

    def _assigned(self, within: cst.CSTNode) -> Iterator[tuple[str, Any]]:
        for node in self.nodes(cst.Assign, within):
            yield from ((dotted(target.target), node.value) for target in node.targets)
        for one in self.nodes(cst.AnnAssign, within):
            if one.value is not None:
                yield dotted(one.target), one.value

    def is_tensor_method(self, call: cst.Call) -> bool:
        """Whether a call like ``x.relu()`` can be the method of a tensor: its owner is an
        expression, not ``self``, a class, a module, or what the user assigned a call of a class
        to."""
        if not isinstance(call.func, cst.Attribute):
            return False
        owner = call.func.value
        if self.name(owner) or dotted(owner) in ("self", "cls", "super"):
            return False
        classes = {one.name.value for one in self.nodes(cst.ClassDef)}
        if dotted(owner) in classes:
            return False
        value = self.value_of(owner)
        made = isinstance(value, cst.Call) and (
            dotted(value.func) in classes or self.name(value.func).startswith("torch.nn.")
        )
        return not made or not self.name(value.func)[9:10].isupper()  # not torch.nn.Module's kin

    def replaced(self, changes: Mapping[Any, Change]) -> str:
        """Return the text in which these nodes are replaced."""
        return self.module.visit(_Replacer(changes)).code  # type: ignore[union-attr]


class _Replacer(cst.CSTTransformer):
    def __init__(self, changes: Mapping[Any, Change]) -> None:
        super().__init__()
        self._changes = changes

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        """Replace the node by what its change returns."""
        change = self._changes.get(original_node)
        return updated_node if change is None else change(updated_node)


def _walk(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    yield node
    for child in node.children:
        yield from _walk(child)


def read(text: str) -> Code | None:
    """Parse a text; None where it is no Python."""
    try:
        return Code(text)
    except (cst.ParserSyntaxError, UnicodeError, RecursionError):
        return None


def dotted(node: Any) -> str:
    """Return a dotted name as text; ``""`` for anything else."""
    if isinstance(node, cst.Name):
        return node.value
    above = dotted(node.value) if isinstance(node, cst.Attribute) else ""
    return f"{above}.{node.attr.value}" if above else ""


def last_name(node: Any) -> str:
    """Return the last word of a dotted name, ``relu`` of ``F.relu``; ``""`` for anything else."""
    if isinstance(node, cst.Name):
        return node.value
    return node.attr.value if isinstance(node, cst.Attribute) else ""


def is_of_self(node: Any) -> bool:
    """Whether it is an attribute of ``self``."""
    return isinstance(node, cst.Attribute) and dotted(node.value) == "self"


def argument(call: Any, keyword: str) -> int | None:
    """Return the position of a keyword argument in a call, or None."""
    for at, arg in enumerate(call.args):
        if arg.keyword is not None and arg.keyword.value == keyword:
            return at
    return None


def with_argument(call: Any, at: int, value: cst.BaseExpression) -> Any:
    """Replace the value of one argument of a call."""
    args = list(call.args)
    args[at] = args[at].with_changes(value=value)
    return call.with_changes(args=args)


def with_keyword(call: Any, keyword: str, value: cst.BaseExpression) -> Any:
    """Give a call a keyword argument, in place of the one that it has."""
    at = argument(call, keyword)
    if at is not None:
        return with_argument(call, at, value)
    bare = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    return call.with_changes(
        args=[*call.args, cst.Arg(value, keyword=cst.Name(keyword), equal=bare)]
    )


def number(value: float) -> cst.BaseExpression:
    """Return a number as an expression, as people write it."""
    return cst.parse_expression(f"{value:.6g}")


def literal(node: Any) -> float | None:
    """Return the value of a number in the source; None for anything else."""
    if isinstance(node, cst.Integer | cst.Float):
        return float(node.evaluated_value)
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
        value = literal(node.expression)
        return None if value is None else -value
    return None


def statements(block: str) -> list[Any]:
    """Return a block of source as statements, its first comment on the first of them."""
    made: Any = cst.parse_module(block)
    first, *rest = made.body
    return [first.with_changes(leading_lines=[*made.header, *first.leading_lines]), *rest]


def with_torch(text: str) -> str:
    """Return the text with ``import torch`` among its imports, where it has no such name."""
    code = read(text)
    if code is None:
        return text
    aliases = [
        alias
        for node in code.nodes(cst.Import)
        for alias in node.names
        if dotted(alias.name).partition(".")[0] == "torch" and alias.asname is None
    ]
    if aliases:
        return text
    body = list(code.module.body)
    last = -1
    for at, node in enumerate(body):
        parts = node.body if isinstance(node, cst.SimpleStatementLine) else ()
        if any(isinstance(part, cst.Import | cst.ImportFrom) for part in parts):
            last = at
    if last < 0:
        return text
    body.insert(last + 1, cst.parse_statement("import torch"))
    return code.module.with_changes(body=body).code
