"""The noun of a rule: its code, its page, and the check that reads a trace."""

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
        code, name: ``"ACT401"``, ``"dead-units"``; each keeps its one meaning.
        page: the product text, the docstring of the rule's file.
        check: reads a trace and yields findings, what is fine, and what could not be checked;
            at least one result for any trace.
        symptom: it harms only if the run fares badly. On a run that learns a symptom is a
            `NOTE` at most; a fault of structure or of the loss keeps its severity.
        explains: codes that this rule's finding can be the cause of.
        upstream: it explains only sites further along the forward pass, or its own.
    """

    code: str
    name: str
    page: str
    check: Callable[[Trace], Iterator[Result]]
    symptom: bool = True
    explains: tuple[str, ...] = ()
    upstream: bool = False
