"""Says in which of an edit's modules the program is while a handler answers a call."""

from typing import TYPE_CHECKING

from relume.core.trial import Edit
from relume.fixes.live.model_names import LiveModel
from relume.instrument.site_name import SiteName

if TYPE_CHECKING:
    from relume.fixes.live.session import EditSession


class LivePlaces:
    """The modules that the sites of an edit name; all of them where it names none."""

    def __init__(self, edit: Edit, session: "EditSession") -> None:
        self._session = session
        self._paths = frozenset(SiteName.read(site).path for site in edit.sites)

    def now(self) -> str | None:
        """The path of the innermost open module that the edit is for; None outside of them."""
        for module in reversed(self._session.threads.stack):
            for model in self._session.models.alive:
                if model.root is module or model.holds(module):
                    path = self._recorded(model, model.path_of(module))
                    if not self._paths or path in self._paths:
                        return path
        return None

    def _recorded(self, model: LiveModel, path: str) -> str:
        """The path as a recording has it: of several models each is named first."""
        named = f"{model.name}.{path}".rstrip(".") if model.name else path
        return named if named in self._paths else path
