"""Audits which rows, targets and terms of the loss send a gradient, and the order of the targets.

The first records and every 15th later one are read, as in `wiring.py`; what a record costs there is
one reduction over the gradient of the head and one over the targets.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from relume.core import Fact
from relume.instrument.module_names import user_frame
from relume.record.graph import criterion, criterion_targets
from relume.record.graph.autograd_graph import (
    AutogradGraph,
    AutogradNode,
    kind,
    signed_axis,
    weight_of,
)
from relume.record.graph.loss_terms import cut_operand, split
from relume.record.graph.op_names import AFFINE, RESHAPE
from relume.record.sites.sites import source_of
from relume.record.store.run_file import Writer

FIRST, EVERY = 10, 15  # records that are read, as in `wiring.py`
EARLY = 3  # first of them, at which no row is fitted yet
MOST_CLASSES = 64
Reach = tuple[tuple[str, int], frozenset[int]]
"""Line of a term, and the ids of the leaves behind it."""
MIXES = frozenset(
    f"{name}Backward"
    for name in ("Mm", "Bmm", "Cdist", "EuclideanDist", "Index", "Topk", "Sort", "Kthvalue")
)
"""Operations by which rows of the head are compared or chosen: some then have no gradient."""


@dataclass(slots=True)
class Order:
    """The targets of one optimiser's steps: how much batches differ from each other."""

    batches: int = 0
    rows: int = 0
    one_value: int = 0
    whole: bool = True
    values: set[float] = field(default_factory=set[float])
    means: list[float] = field(default_factory=list[float])
    within: list[float] = field(default_factory=list[float])


class SignalAudit:
    """Writes facts ``signal``: at ``rows``, ``order`` and ``terms``.

    Args:
        writer: the open run file.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._audits = 0
        self._rows: list[Tensor] = []  # per audit: rows, rows without gradient
        self._zeroed = [0, 0]
        self._counted = [0, 0, 0, 0]  # targets, targets that count, batches, batches without any
        self._targets: list[Tensor] = []  # since the last step
        self._orders: dict[str, Order] = {}
        self._terms: list[Reach] = []  # of backward passes whose optimisers have not all stepped
