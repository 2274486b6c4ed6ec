"""Times the acts of a run after it has ended, at the shapes that they had while it trained.

The forward and backward pass of an act and of the cheapest act of like shape are timed in turn
until the time budget is used up; the medians are recorded. No random number is drawn.
"""

from collections.abc import Iterable, Iterator
from statistics import median
from time import perf_counter

import torch
from torch import Tensor

from relume.acts.act import Act, find_act
from relume.core import Fact
from relume.record.sites.sites import SiteState

SHARE, LEAST, MOST = 0.01, 0.02, 0.3  # of the run's wall time, and at least and most in seconds
FEWEST = 3  # rounds of an act: the median of three ignores one that was interrupted
ALWAYS = 4  # acts that are timed even where the time budget is used up
LARGEST = 1 << 24  # elements that are timed: 64 MB in float32, and as much for each gradient

Key = tuple[str, tuple[int, ...], torch.dtype, torch.device | None]


def act_costs(states: Iterable[SiteState], step: int, elapsed: float) -> Iterator[Fact]:
    """Yield a fact for each act site that could be timed.

    Args:
        states: the run's sites.
        step: the run's last step.
        elapsed: the run's wall time in seconds; the timing may take a share of it.
    """
    wanted = {state.site.name: key for state in states if (key := _key(state)) is not None}
    acts = {key: state.act for state in states if (key := wanted.get(state.site.name)) is not None}
    seconds = min(max(SHARE * elapsed, LEAST), MOST)
    known: dict[Key, tuple[float, float, str]] = {}
    for at, (key, act) in enumerate(acts.items()):
        begin = perf_counter()
        like = cheapest(act) if act is not None else None
        if act is not None and like is not None and (seconds > 0 or at < ALWAYS):
            own, other = _timed(act, find_act(like), key, max(seconds, 0) / (len(acts) - at))
            known[key] = (own, other, like)
        seconds -= perf_counter() - begin
    for name, key in wanted.items():
        if key in known:
            own, other, like = known[key]
            data = {"seconds": own, "cheapest_seconds": other, "cheapest": like}
            yield Fact("act-cost", name, step, {**data, "shape": list(key[1])})


def cheapest(act: Act) -> str | None:
    """Return the cheapest act of like shape; None if none is known or the act itself is it.

    >>> cheapest(find_act("gelu")), cheapest(find_act("tanh")), cheapest(find_act("relu"))
    ('relu', 'hardtanh', None)
    """
    like = str(act.traits["cheapest"])
    return like if like and like != act.name else None


def _key(state: SiteState) -> Key | None:
    size = 1
    for length in state.shape:
        size *= length
    if state.act is None or not state.elementwise or not state.shape or size > LARGEST:
        return None
    return (state.act.name, state.shape, state.dtype, state.device)


def _timed(act: Act, like: Act, key: Key, seconds: float) -> tuple[float, float]:
    """Return the median seconds of both acts, timed in turn; few rounds where one takes long."""
    _, shape, dtype, device = key
    size = 1
    for length in shape:
        size *= length
    z = torch.linspace(-3, 3, size, dtype=torch.float32, device=device).to(dtype).reshape(shape)
    z.requires_grad_()
    up = torch.ones_like(z)
    for one in (act, like):
        _once(one, z, up)  # warm-up: the first call of an operation is slower
    times_of_both: tuple[list[float], list[float]] = ([], [])
    end = perf_counter() + seconds
    while perf_counter() < end or len(times_of_both[0]) < FEWEST:
        for times, one in zip(times_of_both, (act, like), strict=True):
            times.append(_once(one, z, up))
    return median(times_of_both[0]), median(times_of_both[1])


def _once(act: Act, z: Tensor, up: Tensor) -> float:
    begin = perf_counter()
    torch.autograd.grad(act(z), z, up)
    if z.is_cuda:
        torch.cuda.synchronize(z.device)
    return perf_counter() - begin
