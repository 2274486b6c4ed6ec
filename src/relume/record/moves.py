"""A recorded step and the parameters: gradients, updates, and what is said of them once."""

from collections.abc import Iterable, Sequence

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
        self._late: tuple[Optimizer, set[int]] | None = None  # steps, and nothing was read yet

    def gradients(self, look: Look, leaves: Sequence[Tensor]) -> None:
        """After backward, before any clipping."""
        look.put(self._weights.gradients(leaves), scaled=True)
        look.put(self._weights.nonfinite())
        look.put(self.turning.take())

    def before(self, look: Look | None, optimizer: Optimizer, step: int) -> None:
        """Just before the optimiser's step."""
        self._late = None
        self._weights.snapshot(optimizer)
        if look is not None:
            self._tell(look, optimizer, step)
        else:
            # A closure: forward and backward come inside of the step, and what is called what is
            # known after it. Whether a weight was zero is known only now.
            new = id(optimizer) not in self._told
            self._late = optimizer, zeros(parameters_of(optimizer)) if new else set()

    @property
    def turning(self) -> Turning:
        """Follows the updates of some steps by one step more."""
        return self._weights.turning

    def updates(self, look: Look, step: int, follow: Optimizer | None) -> None:
        """Just after it: how far it moved the weights; `follow`: to compare the next update with
        this one."""
        if self._late is not None:
            (optimizer, empty), self._late = self._late, None
            self._tell(look, optimizer, step, empty)
        look.put(self._weights.moved(follow))

    def forget(self) -> None:
        """The step is not recorded to its end."""
        self._late = None

    def _tell(
        self, look: Look, optimizer: Optimizer, step: int, empty: set[int] | None = None
    ) -> None:
        """Say what the parameters are, once; follow those whose rows are alike."""
        sign = (self._names.version, list(map(id, parameters_of(optimizer))))
        if self._told.get(id(optimizer)) == sign and not self._rows.followed:
            return
        named = self._weights.named(optimizer)
        empty = zeros(parameter for _, parameter in named) if empty is None else empty
        self._notes.parameters(named, step, decays(optimizer), empty)
        held = [(name, part) for name, p in named if (part := local(p)) is not None]
        look.put(self._rows.look(held))
        self._told[id(optimizer)] = sign


def zeros(parameters: Iterable[Tensor]) -> set[int]:
    """Ids of those that are zero all over, as far as a look at their beginning tells."""
    held = ((id(p), local(p)) for p in parameters)
    return {
        number
        for number, part in held
        if part is not None and not bool(part.detach().reshape(-1)[:4096].any())
    }
