"""Writes edits that need the data of the first batch: hooks of the model's layers."""

from typing import TYPE_CHECKING

from relume.fixes.source.setup_blocks import before_optimiser

if TYPE_CHECKING:
    from relume.fixes.source.diff import Patch, Source

BLOCK = """class NAME:
    # WHY

    done = False

    def __call__(self, layer, inputs):
        if self.done or not (layer.training and torch.is_grad_enabled()):
            return
        self.done = True
        with torch.no_grad():
BODY


for name in [LAYERS]:
    {model}.get_submodule(name).register_forward_pre_hook(NAME())
"""


def at_first_batch(
    source: "Source", layers: tuple[str, ...], name: str, why: str, body: str
) -> "Patch | None":
    """Insert a hook that changes each of these layers once, before its first forward that trains,
    so that those behind it already get the result.

    Args:
        source: the script.
        layers: by their names in the model.
        name: of the class that is written.
        why: its comment.
        body: statements that see ``layer`` and ``inputs``.
    """
    inner = "\n".join(" " * 12 + line for line in body.strip().splitlines())
    return hooked(source, layers, BLOCK.replace("WHY", why).replace("BODY", inner), name)


def hooked(source: "Source", layers: tuple[str, ...], block: str, name: str) -> "Patch | None":
    """Insert a block with the class ``NAME`` and a loop over ``LAYERS``."""
    listed = ", ".join(f'"{layer}"' for layer in layers)
    text = block.replace("NAME", name).replace("LAYERS", listed)
    return before_optimiser(source, text) if layers else None
