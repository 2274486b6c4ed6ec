"""Measures what an act costs on this machine: nanoseconds an element, against ReLU and a copy."""

import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from statistics import median, quantiles
from typing import Any

import torch
from torch import Tensor

from relume.acts.act import Act, find_act
from relume.cards.property import SEED, MeasureSetting, measures
from relume.core import Measured

NEAR = 1 << 14
"""Elements of 4 bytes in cache: 64 KiB, which the second-level cache of any machine holds."""

FAR = 1 << 22
"""Elements out of cache: 16 MiB, beyond any second level; with gradients beyond most third ones;
the pages of a result this large are fetched anew for every call, as in training."""

_SECONDS = 0.25
"""Wall time for all rounds of a property; the median settles well before."""

_FEWEST = 6
"""Rounds in any case: the fewest whose extremes hold the median at 95 % (1 - 2 / 2^6 is 97 %)."""

_BUSY = 0.5
"""Distance of the quartiles, of the median, from which the machine was busy with something else: on
a calm one it is under a tenth."""


@measures(
    "time_forward",
    "Forward, 64 KiB",
    "Cost",
    unit="ns/element",
    better="low",
    elementwise=False,
    timed=True,
)
def time_forward(act: Act, setting: MeasureSetting) -> Measured:
    """Median over rounds of the act, its exact form, ReLU and a copy in turn, float32, no gradient
    recorded; the error is half the distance of the quartiles. A ratio's interval is that of its
    median at 95 %. 16,384 elements, one thread."""
    del setting
    return _timed(act, NEAR, backward=False)


@measures(
    "time_training",
    "Forward and backward, 64 KiB",
    "Cost",
    unit="ns/element",
    better="low",
    elementwise=False,
    timed=True,
)
def time_training(act: Act, setting: MeasureSetting) -> Measured:
    """As forward, with the gradient of the input; a copy is one of the input and one of the
    gradient. 16,384 elements, one thread."""
    del setting
    return _timed(act, NEAR, backward=True)


@measures(
    "time_forward_far",
    "Forward, 16 MiB",
    "Cost",
    unit="ns/element",
    better="low",
    elementwise=False,
    timed=True,
)
def time_forward_far(act: Act, setting: MeasureSetting) -> Measured:
    """As forward in cache, on 4,194,304 elements, which come from memory, with all
    threads."""
    del setting
    return _timed(act, FAR, backward=False)


@measures(
    "time_training_far",
    "Forward and backward, 16 MiB",
    "Cost",
    unit="ns/element",
    better="low",
    elementwise=False,
    timed=True,
)
def time_training_far(act: Act, setting: MeasureSetting) -> Measured:
    """As forward and backward in cache, on 4,194,304 elements, which come from memory, with all
    threads."""
    del setting
    return _timed(act, FAR, backward=True)


Call = Callable[[], Any]


@contextmanager
def _threads(many: int | None) -> Generator[int]:
    """Run a `with` block on this many threads of torch; None keeps them all."""
    before = torch.get_num_threads()
    torch.set_num_threads(many or before)
    try:
        yield many or before
    finally:
        torch.set_num_threads(before)


def _timed(act: Act, elements: int, *, backward: bool) -> Measured:
    generator = torch.Generator().manual_seed(SEED)
    z = torch.randn(elements // 128, 128, generator=generator, requires_grad=backward)
    relu = find_act("relu")
    lanes = {"act": _lane(act, z, exact=False), "copy": _copies(z)}
    if act != relu:  # ReLU is once ReLU: timed against itself it would give the noise of the clock
        lanes["relu"] = _lane(relu, z, exact=False)
    if elements == NEAR:  # far away it would take seconds, and memory is not what it waits for
        lanes["exact"] = _lane(act, z, exact=True)
    # 64 KiB is too little to share between threads, and a pool that waits for one is only noise
    with torch.set_grad_enabled(backward), _threads(1 if elements == NEAR else None) as threads:
        times = _rounds(lanes)
    times.setdefault("relu", times["act"])
    middle = {name: median(lane) / elements for name, lane in times.items()}
    low, _, high = (q / elements for q in quantiles(times["act"], n=4))
    against = {name: _ratio(times["act"], times[name]) for name in ("relu", "copy")}
    note = f"{_times(against['relu'])} ReLU, {_times(against['copy'])} a copy"
    busy = any(_spread(times[name]) > _BUSY for name in ("act", "relu"))
    if busy:
        note += "; the machine was busy: half the rounds differ by more than half"
    details = {f"{name}_ns": ns for name, ns in middle.items()}
    details |= {"ratio_relu": against["relu"], "ratio_copy": against["copy"]}
    details |= {"quartile_low": low, "quartile_high": high, "busy": busy}
    ratios = [a / b for a, b in zip(times["act"], times["relu"], strict=True)]
    details["ratio_relu_low"], details["ratio_relu_high"] = median_interval(ratios)
    if "exact" in middle:
        details["ratio_exact"] = _ratio(times["exact"], times["act"])
        note += f"; exact=True takes {_times(details['ratio_exact'])} that"
    details |= {"elements": elements, "threads": threads, "rounds": len(times["act"])}
    return Measured(middle["act"], (high - low) / 2, note, details, "float32")


def _lane(act: Act, z: Tensor, *, exact: bool) -> Call:
    if not z.requires_grad:
        return lambda: act(z, exact=exact)
    upstream = torch.ones_like(act(z.detach()))
    return lambda: torch.autograd.grad(act(z, exact=exact), z, upstream)


def _copies(z: Tensor) -> Call:
    plain = z.detach()
    if not z.requires_grad:
        return plain.clone
    return lambda: (plain.clone(), plain.clone())


def _rounds(lanes: dict[str, Call]) -> dict[str, list[float]]:
    """Return nanoseconds of a call for every lane and round; each round runs all lanes, every other
    one in reverse."""
    calls: dict[str, int] = {}
    for name, lane in lanes.items():
        nanoseconds = min(_clock(lane, 1) for _ in range(2))  # the first call warms up
        # 0.2 ms a measurement hides the clock
        calls[name] = max(int(2e5 / max(nanoseconds, 1.0)), 1)
    times: dict[str, list[float]] = {name: [] for name in lanes}
    until = time.perf_counter() + _SECONDS
    while len(times["act"]) < _FEWEST or time.perf_counter() < until:
        order = list(lanes)
        for name in order if len(times["act"]) % 2 else order[::-1]:
            lanes[name]()  # fills the caches, which hold the other lane's data
            times[name].append(_clock(lanes[name], calls[name]))
    return times


def _ratio(one: list[float], two: list[float]) -> float:
    """Return the median over rounds of the ratio: a busy machine slows both of a round."""
    return median(a / b for a, b in zip(one, two, strict=True))


def _spread(times: list[float]) -> float:
    """Return the distance of the quartiles as a share of the median."""
    low, middle, high = quantiles(times, n=4)
    return (high - low) / middle


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of a median from the ranks of its sample, whatever the distribution:
    the number of values below the true median is binomial with chance 1/2.

    >>> median_interval([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])
    (2.0, 8.0)
    """
    ordered, many = sorted(values), len(values)
    tail, out = 0.5**many, 0
    while tail + math.comb(many, out + 1) * 0.5**many <= 0.025:
        out += 1
        tail += math.comb(many, out) * 0.5**many
    return ordered[out], ordered[many - 1 - out]


def _times(ratio: float) -> str:
    return f"{ratio:.2g} ×" if ratio < 99.5 else f"{ratio:.0f} ×"


def _clock(lane: Call, calls: int) -> float:
    start = time.perf_counter_ns()
    for _ in range(calls):
        lane()
    return (time.perf_counter_ns() - start) / calls
