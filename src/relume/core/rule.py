"""Defines the noun of a rule: its code, its page, and the check that reads a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from relume.core.finding import Result

if TYPE_CHECKING:
    from relume.core.trace import Trace


@dataclass(frozen=True, slots=True)
class Rule:
    """A check and its page.

    Attributes:
        code, name: ``"ACT401"``, ``"dead-units"``; neither ever changes its meaning.
        page: the page for users, the docstring of the rule's file.
        check: reads a trace and yields at least one result: a finding, `Checked` or `NotChecked`.
        sign: whether it is a symptom, which harms only if the run fares badly. On a run that learns
            a symptom is a `NOTE` at most; a fault of structure or of the loss keeps its severity.
        explains: codes of the findings that this rule's finding can cause.
        upstream: whether it explains only its own site and later ones in the forward pass.
    """

    code: str
    name: str
    page: str
    check: Callable[[Trace], Iterator[Result]]
    symptom: bool = True
    explains: tuple[str, ...] = ()
    upstream: bool = False
