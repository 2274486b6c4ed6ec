"""Recognises a second derivative that is zero everywhere: the acts between have straight pieces."""

from collections.abc import Iterable

from torch import Tensor

from relume.record.graph.autograd_graph import walk

STRAIGHT = {
    "ThresholdBackwardBackward": "relu",
    "LeakyReluBackwardBackward": "leaky_relu",
    "HardtanhBackwardBackward": "hardtanh",
    "PreluKernelBackwardBackward": "prelu",
    "AbsBackwardBackward": "abs",
}


def is_zero(results: Iterable[Tensor | None]) -> int:
    """Return how many entries derivatives have that are all zero; 0 where one is not."""
    entries = 0
    for result in results:
        if result is not None and bool((result.detach() != 0).any()):
            return 0
        entries += 1 if result is None else result.numel()
    return entries


def straight_acts(outputs: Iterable[Tensor]) -> list[str] | None:
    """Return the acts through which first derivatives were taken; None if these are none."""
    acts: list[str] = []
    derived = False
    for output in outputs:
        if output.grad_fn is None:
            continue
        for name in walk(output.grad_fn).names:
            plain = name.rstrip("0123456789")
            if plain in STRAIGHT:
                derived = True
                acts.append(STRAIGHT[plain])
    return list(dict.fromkeys(acts)) if derived else None
