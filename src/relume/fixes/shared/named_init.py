"""Makes the functions of a fix that draws all weights by an initialisation with a name."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from relume.core import Diagnosis, Finding, Trace
from relume.core.trial import Edit
from relume.fixes.base import Apply, FixPage, Propose, Write, option
from relume.fixes.shared.redraw_layers import Std, layers_for_patch, redraw
from relume.fixes.shared.site_queries import hidden_sites, script

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession
    from relume.fixes.source.diff import Patch, Source


def named_init(
    page: FixPage, scheme: str, std: Std, expression: Callable[[str], str]
) -> tuple[Propose, Apply, Write]:
    """Return what proposes, applies and writes an initialisation.

    Args:
        page: of the fix.
        scheme: its name in `Site.init`; it is proposed where it suits every hidden act.
        std: maps a layer and the gain behind it to the deviation of its weights.
        expression: the same for a patch, from the name of the act behind (``""`` for a head).
    """

    def propose(finding: Finding, diagnosis: Diagnosis, trace: Trace) -> Iterator[Edit]:
        sites = hidden_sites(trace)
        if sites and all(scheme in site.init for site in sites):
            text = f"weights drawn anew by {scheme.capitalize()}"
            yield page.edit(text, at=script(trace), **layers_for_patch(trace))

    def apply(edit: Edit, session: "EditSession") -> None:
        redraw(edit, session, std)

    def patch(edit: Edit, source: "Source") -> "Patch | None":
        from relume.fixes.source.setup_blocks import before_optimiser, draw_block

        layers, behind = option(edit, "layers", ()), option(edit, "behind", ())
        stds = {str(n): expression(str(act)) for n, act in zip(layers, behind, strict=False)}
        return before_optimiser(source, draw_block(stds, edit.text)) if stds else None

    return propose, apply, patch
