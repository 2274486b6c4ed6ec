"""Measures how alike the rows of a weight are: the least cosine with its first row."""

from collections.abc import Sequence

import torch
from torch import Tensor

from relume.instrument.float64 import as_float64

ALIKE = 0.999  # a weight above it is measured on every record (page of ACT302)
ROWS, COLUMNS = 64, 1_024  # rows and columns of a weight that are compared


class RowCosines:
    """Measures the least cosine between a weight's first row and the others.

    Each weight is measured on its first record, and on the later ones while its rows are alike.
    """

    @property
    def followed(self) -> bool:
        """Whether some weight is measured on every record."""
        return bool(self._alike)

    def __init__(self) -> None:
        self._measured: set[str] = set()
        self._alike: set[str] = set()

    def measure(
        self, named: Sequence[tuple[str, Tensor]]
    ) -> tuple[tuple[tuple[str, str], ...], Tensor] | None:
        """Keys and values for one record; None where nothing was measured."""
        wanted = [(n, p) for n, p in named if p.dim() >= 2 and p.shape[0] > 1]
        wanted = [(n, p) for n, p in wanted if n not in self._measured or n in self._alike]
        cosines: dict[str, float] = {}
        for name, parameter in wanted:
            self._measured.add(name)
            value = _least_cosine(parameter)
            if value is not None:
                cosines[name] = value
                if value > ALIKE:
                    self._alike.add(name)
        if not cosines:
            return None
        keys = tuple((name, "row_cosine_min") for name in cosines)
        return keys, torch.tensor(list(cosines.values()), dtype=torch.float64)


def _least_cosine(parameter: Tensor) -> float | None:
    """None where the first row is zero: nothing is parallel to it."""
    rows = parameter.detach().flatten(1)
    rows = as_float64(rows[:: -(-rows.shape[0] // ROWS), :: -(-rows.shape[1] // COLUMNS)])
    norms: Tensor = rows.square().sum(1).sqrt()
    if not float(norms[0]) > 0 or not bool(torch.isfinite(norms).all()):
        return None
    cosines: Tensor = rows @ rows[0] / (norms * norms[0]).clamp(min=1e-300)
    return float(cosines.min())
