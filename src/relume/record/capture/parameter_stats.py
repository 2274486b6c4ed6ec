"""A recorded step and the parameters: gradients, updates, and what is said of them once."""

from collections.abc import Iterable, Sequence

from torch import Tensor
from torch.optim import Optimizer

from relume.record.capture.step_record import StepRecord
from relume.record.capture.weights import WeightStats, parameters_of
from relume.record.facts.fact_log import FactLog
from relume.record.graph.head_structure import weight_decays
from relume.record.measure.dtensor import local_part
from relume.record.measure.row_cosine import RowCosines
from relume.record.measure.update_cosine import UpdateCosine
from relume.record.sites.qualified_names import QualifiedNames


class ParameterStats:
    """Looks at parameters after backward, and around the optimiser's step.

    Args:
        names, notes: of the run.
    """

    def __init__(self, names: QualifiedNames, notes: FactLog) -> None:
        self._names = names
        self._notes = notes
        self._weights = WeightStats(names)
        self._rows = RowCosines()
        self._told: dict[int, tuple[int, list[int]]] = {}  # by optimiser: whose facts are written
        self._late: tuple[Optimizer, set[int]] | None = None  # steps, and nothing was read yet

    def gradients(self, look: StepRecord, leaves: Sequence[Tensor]) -> None:
        """After backward, before any clipping."""
        look.put(self._weights.gradients(leaves), scaled=True)
        look.put(self._weights.nonfinite())
        look.put(self.turning.take())

    def before(self, look: StepRecord | None, optimizer: Optimizer, step: int) -> None:
        """Just before the optimiser's step."""
        self._late = None
        self._weights.snapshot(optimizer)
        if look is not None:
            self._tell(look, optimizer, step)
        else:
            # A closure: forward and backward come inside of the step, and what is called what is
            # known after it. Whether a weight was zero is known only now.
            new = id(optimizer) not in self._told
            self._late = optimizer, zero_tensors(parameters_of(optimizer)) if new else set()

    @property
    def turning(self) -> UpdateCosine:
        """Follows the updates of some steps by one step more."""
        return self._weights.turning

    def updates(self, look: StepRecord, step: int, follow: Optimizer | None) -> None:
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
        self, look: StepRecord, optimizer: Optimizer, step: int, empty: set[int] | None = None
    ) -> None:
        """Say what the parameters are, once; follow those whose rows are alike."""
        sign = (self._names.version, list(map(id, parameters_of(optimizer))))
        if self._told.get(id(optimizer)) == sign and not self._rows.followed:
            return
        named = self._weights.named(optimizer)
        empty = zero_tensors(parameter for _, parameter in named) if empty is None else empty
        self._notes.parameters(named, step, weight_decays(optimizer), empty)
        held = [(name, part) for name, p in named if (part := local_part(p)) is not None]
        look.put(self._rows.measure(held))
        self._told[id(optimizer)] = sign


def zero_tensors(parameters: Iterable[Tensor]) -> set[int]:
    """Ids of those that are zero all over, as far as a look at their beginning tells."""
    held = ((id(p), local_part(p)) for p in parameters)
    return {
        number
        for number, part in held
        if part is not None and not bool(part.detach().reshape(-1)[:4096].any())
    }
