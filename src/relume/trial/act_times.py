"""Times what an act costs in a step, without the swap that a trial lays over the program.

A swap answers calls and runs hooks, which costs time that the act itself would not. So the time of
a step is the program's own, plus the difference between the acts: forward and backward of both,
timed in turn on as many elements as each site had in a step.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from time import perf_counter

import torch
from torch import Tensor

from relume.core import Trace
from relume.core.trial import ArmSummary
from relume.fixes.architecture.swap_act import find
from relume.trial.hidden_acts import hidden_acts

ROUNDS = 21  # of an act in turn with the program's own: the median ignores ten interruptions
LARGEST = 1 << 24  # elements that are timed, as in record/capture/act_timing.py


def step_times(
    summaries: Sequence[ArmSummary], trace: Trace, acts: Mapping[str, str]
) -> tuple[ArmSummary, ...]:
    """Return the summaries with the time of a step that each act would have in the program itself.

    Args:
        summaries: the base first; its step is the program's own.
        trace: the recording of the program as it is.
        acts: by name of an arm, its act; arms without one keep their time.
    """
    own = summaries[0].step_seconds if summaries else None
    return tuple(
        summary
        if own is None or summary.arm not in acts or not find(acts[summary.arm]).elementwise
        else replace(summary, step_seconds=max(0.0, own + difference(trace, acts[summary.arm])))
        for summary in summaries
    )


def difference(trace: Trace, new: str) -> float:
    """Return how many seconds a step would take longer with the act `new` at every hidden site."""
    sizes: dict[tuple[str, int], int] = {}
    for site in hidden_acts(trace):
        samples = trace.series(site.name, "samples")
        elements = int(median(samples.values)) * site.units if samples is not None else 0
        if 0 < elements <= LARGEST:
            sizes[site.act, elements] = sizes.get((site.act, elements), 0) + 1
    return sum(count * _longer(find(new), find(act), size) for (act, size), count in sizes.items())


def _longer(
    new: Callable[[Tensor], Tensor], own: Callable[[Tensor], Tensor], elements: int
) -> float:
    if new is own:
        return 0.0
    z = torch.linspace(-3, 3, elements).requires_grad_()
    up = torch.ones_like(z)
    for act in (new, own):
        _once(act, z, up)  # warm-up: the first call of an operation is slower
    return median(_once(new, z, up) - _once(own, z, up) for _ in range(ROUNDS))


def _once(act: Callable[[Tensor], Tensor], z: Tensor, up: Tensor) -> float:
    begin = perf_counter()
    torch.autograd.grad(act(z), z, up)
    return perf_counter() - begin
