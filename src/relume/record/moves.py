"""A recorded step and the parameters: gradients, updates, and what is said of them once."""

from collections.abc import Sequence

from torch import Tensor
from torch.optim import Optimizer

from relume.record.look import Look
from relume.record.names import Names
from relume.record.notes import Notes
from relume.record.shards import local
from relume.record.signs import RowCosines, decays
from relume.record.turning import Turning
from relume.record.weights import Weights, parameters_of


class Moves:
    """Looks at parameters after backward, and around the optimiser's step.

    Args:
        names, notes: of the run.
    """

    def __init__(self, names: Names, notes: Notes) -> None:
        self._names = names
        self._notes = notes
        self._weights = Weights(names)
        self._rows = RowCosines()
        self._told: dict[int, tuple[int, list[int]]] = {}  # by optimiser: whose facts are written

    def gradients(self, look: Look, leaves: Sequence[Tensor]) -> None:
        """After backward, before any clipping."""
        look.put(self._weights.gradients(leaves), scaled=True)
        look.put(self._weights.nonfinite())
        look.put(self.turning.take())

    def before(self, look: Look | None, optimizer: Optimizer, step: int) -> None:
        """Just before the optimiser's step."""
        self._weights.snapshot(optimizer)
        self._tell(look, optimizer, step)

    @property
    def turning(self) -> Turning:
        """Follows the updates of some steps by one step more."""
        return self._weights.turning

    def updates(self, look: Look, follow: Optimizer | None) -> None:
        """Just after it: how far it moved the weights; `follow`: to compare the next update with
        this one."""
        look.put(self._weights.moved(follow))

    def _tell(self, look: Look | None, optimizer: Optimizer, step: int) -> None:
        """Say what the parameters are, once; follow those whose rows are alike."""
        sign = (self._names.version, list(map(id, parameters_of(optimizer))))
        if self._told.get(id(optimizer)) == sign and not self._rows.followed:
            return
        named = self._weights.named(optimizer)
        self._notes.parameters(named, step, decays(optimizer))
        if look is not None:
            held = [(name, part) for name, p in named if (part := local(p)) is not None]
            look.put(self._rows.look(held))
            self._told[id(optimizer)] = sign
