"""Names the call of an act: ``"block.act"`` for a module, ``"block.relu()#2"`` for a function."""

from dataclasses import dataclass

from torch import nn


@dataclass(frozen=True, slots=True)
class SiteName:
    """The parts of a site's name: the module's path, the act, the number of its call from 0.

    `act` is empty where the module itself is the act.
    """

    path: str
    act: str
    index: int

    @classmethod
    def read(cls, name: str) -> "SiteName":
        """Parse a name such as ``"block.relu()#2"``."""
        stem, _, number = name.rstrip("'").partition("#")
        index = int(number) - 1 if number.isdigit() else 0
        if not stem.endswith("()"):
            return cls(stem, "", index)
        path, _, act = stem[:-2].rpartition(".")
        return cls(path, act, index)

    def __str__(self) -> str:
        dot = "." if self.path and self.act else ""
        stem = f"{self.path}{dot}{self.act}()" if self.act else self.path
        return stem if self.index == 0 else f"{stem}#{self.index + 1}"


def is_act_module(module: nn.Module) -> bool:
    """Whether the module has no parts and no weights of its own; PReLU's slopes do not count."""
    if next(module.children(), None) is not None:
        return False
    return isinstance(module, nn.PReLU) or next(module.parameters(recurse=False), None) is None
