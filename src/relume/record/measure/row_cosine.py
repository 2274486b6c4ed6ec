"""Measures how alike the rows of a weight are."""

from collections.abc import Sequence

import torch
from torch import Tensor

ALIKE = 0.999  # RULES.md 302: from here on the cosine is followed to the end of the run
ROWS, COLUMNS = 64, 1_024  # of a weight that are compared


class RowCosines:
    """The least cosine between a weight's first row and the others, while they are alike."""

    @property
    def followed(self) -> bool:
        """Whether some weight is looked at on every record."""
        return bool(self._alike)

    def __init__(self) -> None:
        self._met: set[str] = set()
        self._alike: set[str] = set()

    def look(
        self, named: Sequence[tuple[str, Tensor]]
    ) -> tuple[tuple[tuple[str, str], ...], Tensor] | None:
        """Keys and values for one record; None where there is nothing new to say."""
        wanted = [(n, p) for n, p in named if p.dim() >= 2 and p.shape[0] > 1]
        wanted = [(n, p) for n, p in wanted if n not in self._met or n in self._alike]
        found: dict[str, float] = {}
        for name, parameter in wanted:
            self._met.add(name)
            value = _least_cosine(parameter)
            if value is not None:
                found[name] = value
                if value > ALIKE:
                    self._alike.add(name)
        if not found:
            return None
        keys = tuple((name, "row_cosine_min") for name in found)
        return keys, torch.tensor(list(found.values()), dtype=torch.float64)


def _least_cosine(parameter: Tensor) -> float | None:
    """None where the first row is zero: nothing is parallel to it."""
    rows = parameter.detach().flatten(1)
    rows = rows[:: -(-rows.shape[0] // ROWS), :: -(-rows.shape[1] // COLUMNS)].double()
    norms: Tensor = rows.square().sum(1).sqrt()
    if not float(norms[0]) > 0 or not bool(torch.isfinite(norms).all()):
        return None
    cosines: Tensor = rows @ rows[0] / (norms * norms[0]).clamp(min=1e-300)
    return float(cosines.min())
