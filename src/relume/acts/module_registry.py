"""Looks up the module class of an act: `ActModule` enters its subclasses, `Act.module` reads them.

It imports neither, so that act.py and module.py do not import each other.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relume.acts.act import Act
    from relume.acts.module import ActModule

_classes: dict[Any, "type[ActModule]"] = {}
"""By an act's formula: it stays at other parameters, and a newer act of the name has its own."""

_bases: "list[type[ActModule]]" = []
"""`ActModule` itself, once module.py has defined it: the base of the classes that are made here."""


def enter_base(base: "type[ActModule]") -> "type[ActModule]":
    """Enter the class from which classes are made for acts without one; a decorator."""
    _bases.append(base)
    return base


def enter_class(act: "Act", kind: "type[ActModule]") -> None:
    """Enter the module class of an act; the first class of an act stays its class."""
    _classes.setdefault(act.value, kind)


def module_of(act: "Act") -> "type[ActModule]":
    """The module class of an act: the one that its file binds, or one made for it."""
    if act.value not in _classes:
        title = "".join(word.capitalize() for word in act.name.split("_"))
        type(title, (_bases[0],), {"__doc__": act.formula}, act=act)  # enters itself
    return _classes[act.value]
