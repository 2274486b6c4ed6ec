"""Measures how much of the gradient each layer keeps, and whether act or weights lose the rest.

Between the pre-activations of two neighbouring acts the gradient passes the weights of the later
layer and the slope of the earlier act. dL/dpre of the one over dL/dpre of the other is the product
of the two factors, and dL/dpre over dL/dpost of one act is the slope's part alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from relume.core import Site, Trace
from relume.rules.series_tools import acts_of, align_series

if TYPE_CHECKING:
    from relume.core import Floats

TINY = 1e-45  # the least float32: stands for a gradient that underflowed to zero
FEWEST = 2  # acts: one has no way between


@dataclass(frozen=True, slots=True)
class GradientProfile:
    """Decades of gradient over depth, in forward order.

    Attributes:
        sites: the acts.
        level: log10 RMS of dL/dpre, shape (sites,).
        slopes: log10 of RMS dL/dpre over RMS dL/dpost, shape (sites,): the acts' own part.
    """

    sites: tuple[Site, ...]
    level: "Floats"
    slopes: "Floats"

    @property
    def layers(self) -> int:
        """The number of steps from act to act."""
        return len(self.sites) - 1

    @property
    def change(self) -> float:
        """Decades from the last act back to the first; below zero where the gradient shrinks."""
        return float(self.level[0] - self.level[-1])

    @property
    def steepest(self) -> float:
        """The most decades that the gradient shrinks, or grows, from one act back to the next."""
        return float(np.abs(np.diff(self.level)).max())

    @property
    def by_acts(self) -> float:
        """Decades of the change that the slopes of the acts account for."""
        return float(self.slopes[:-1].sum())

    @property
    def by_weights(self) -> float:
        """Decades of the change that the weights account for."""
        return self.change - self.by_acts

    def breaks_at(self, decades: float) -> int:
        """Index of the act at which the gradient, going back, has first shrunk so far."""
        below = np.flatnonzero(self.level[-1] - self.level >= decades)
        return int(below[-1]) if len(below) else 0


def gradient_profile(
    trace: Trace, first: float = 0.5, last: float = 1.0, sites: Sequence[Site] | None = None
) -> GradientProfile | None:
    """The profile over a part of the records, through the hidden acts or through `sites`.

    The acts lie on one path of the graph. Of several paths (towers, an actor and a critic) it is
    the one along which the gradient changes most.

    Args:
        trace: the run.
        first: where the part begins, as a share of the number of records.
        last: where it ends.
        sites: the acts; all hidden ones if None.

    Returns:
        The profile, or None where fewer than two acts have gradients.
    """
    acts = _with_gradient(trace, acts_of(trace) if sites is None else sites)
    profiles = [
        profile
        for chain in (chains(trace, acts) if sites is None else [acts])
        if (profile := _along(trace, chain, first, last)) is not None
    ]
    return max(profiles, key=lambda profile: abs(profile.change), default=None)


def chains(trace: Trace, sites: Sequence[Site]) -> list[list[Site]]:
    """The paths of the graph through these sites: for each that ends one, the longest to it.

    Without facts on paths (an older recording, or a site that was in no graph) all sites in forward
    order are one chain.
    """
    before: dict[str, set[str]] = {}
    for fact in trace.facts_of("path"):
        before.setdefault(fact.site, set()).update(map(str, fact.data.get("before", ())))
    if any(site.name not in before for site in sites):
        return [list(sites)]
    wanted = {site.name: site for site in sites}
    lengths: dict[str, int] = {}  # acts on the longest path to a place, its own among them
    last: dict[str, str] = {}  # the last act on it
    above: dict[str, str] = {}  # the act before that, of an act
    for name in sorted(before, key=lambda name: site.order if (site := trace.site(name)) else 0):
        known = [one for one in before[name] if one in lengths]
        best = max(known, key=lengths.__getitem__, default="")
        lengths[name] = lengths.get(best, 0) + (name in wanted)
        if name in wanted:
            above[name], last[name] = last.get(best, ""), name
        else:
            last[name] = last.get(best, "")
    inner = set(above.values())
    found: list[list[Site]] = []
    for site in sites:
        if site.name not in inner:
            chain, name = list[Site](), site.name
            while name:
                chain.append(wanted[name])
                name = above[name]
            found.append(chain[::-1])
    return found


def _along(trace: Trace, acts: Sequence[Site], first: float, last: float) -> GradientProfile | None:
    """The profile through acts of one chain."""
    names, _, pre = align_series(trace, [s.name for s in acts], "grad_pre_rms")
    with_post, _, post = align_series(trace, names, "grad_post_rms")
    if len(with_post) < FEWEST or with_post != names or pre.shape != post.shape:
        return None
    n = pre.shape[1]
    part = slice(min(int(n * first), n - 1), max(int(n * last), int(n * first) + 1))
    return profile_of(tuple(s for s in acts if s.name in set(names)), pre[:, part], post[:, part])


def _with_gradient(trace: Trace, acts: Sequence[Site]) -> list[Site]:
    """Drop calls of an act in a loop that no gradient ever reaches while it reaches others: the
    forget gate of the first step multiplies a state of zeros."""
    silent = {site.name for site in acts if _never_reached(trace, site.name)}
    alive = {_module(s) for s in trace.sites_of("act") if not _never_reached(trace, s.name)}
    return [s for s in acts if s.name not in silent or _module(s) not in alive]


def _never_reached(trace: Trace, name: str) -> bool:
    series = trace.series(name, "grad_post_rms")
    if series is None or not len(series):
        return False
    return not np.any(series.values[np.isfinite(series.values)])  # a NaN later on says nothing


def _module(site: Site) -> str:
    return site.path or site.name.partition("#")[0]


def profile_of(sites: Sequence[Site], pre: "Floats", post: "Floats") -> GradientProfile | None:
    """The profile of gradients of shape (sites, records), by the median over records."""
    pre, post = np.where(np.isfinite(pre), pre, np.nan), np.where(np.isfinite(post), post, np.nan)
    valid = np.isfinite(pre).any(axis=1) & np.isfinite(post).any(axis=1)
    if int(valid.sum()) < FEWEST:
        return None
    log_pre, log_post = (np.log10(np.maximum(x[valid], TINY)) for x in (pre, post))
    measured = tuple(sites[int(i)] for i in np.flatnonzero(valid))
    return GradientProfile(
        measured, np.nanmedian(log_pre, axis=1), np.nanmedian(log_pre - log_post, axis=1)
    )
