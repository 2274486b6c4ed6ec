"""Defines the noun of a rule: its code, its page, and the check that reads a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relume.core.finding import Result

if TYPE_CHECKING:
    from relume.core.severity import Severity
    from relume.core.trace import Trace

NEEDS = ("training", "criterion", "untrained", "trained", "data", "batches")
"""What a rule may need: a training (steps that change weights), a criterion, weights that are not
trained yet or are trained, real data, several batches."""

FIGURES = ("evidence", "loss", "silent", "flat", "depth", "updates")
"""The figures at the head of a report: the evidence's own curve, the loss, silent units by layer,
flat units by layer, the gradient over depth, the updates by layer."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A check and its page.

    Attributes:
        code, name: ``"ACT401"``, ``"dead-units"``; neither ever changes its meaning.
        page: the page for users, the docstring of the rule's file.
        check: reads a trace and yields at least one result: a finding, `Checked` or `NotChecked`.
        symptom: whether it is a symptom, which harms only if the run fares badly. On a run that
            learns a symptom is a `NOTE` at most; a fault of structure or of the loss keeps its
            severity.
        explains: codes of the findings that this rule's finding can cause.
        upstream: whether it explains only its own site and later ones in the forward pass.
        severities: what its findings can have, least first.
        needs: what it cannot do without (see `NEEDS`).
        figure: the figure that shows such a cause best (see `FIGURES`).
        family: the folder of its file: ``"dead"``, ``"output"``.
        from_start: whether it sees what was there before the first update, and stays.
        from_updates: whether updates made what it finds, so that it explains nothing that was there
            before the first.
        from_graph: whether it reads the graph alone, so that no training could show it milder.
    """

    code: str
    name: str
    page: str
    check: Callable[[Trace], Iterator[Result]]
    symptom: bool = True
    explains: tuple[str, ...] = ()
    upstream: bool = False
    severities: tuple[Severity, ...] = ()
    needs: tuple[str, ...] = ()
    figure: str = "evidence"
    family: str = ""
    from_start: bool = False
    from_updates: bool = False
    from_graph: bool = False
