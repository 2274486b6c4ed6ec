"""Makes the few figures for a framework's logger from the newest record of a run."""

import math
from collections.abc import Mapping
from statistics import median

from relume.core import Series, Trace

NAMES = ("worst_silent_share", "gradient_ratio", "update_ratio", "overhead", "findings")
UNKNOWN = math.nan


def figures(trace: Trace) -> dict[str, float]:
    """The figures of the newest record; NaN where it has no value.

    Returns:
        ``worst_silent_share`` largest share of a hidden act's units whose slope was 0 on every
        sampled row; ``gradient_ratio`` of norm(dL/dW) / norm(W), the first weight matrix against
        the largest; ``update_ratio`` median over weight matrices of norm(delta W) / norm(W).
    """
    silent = [
        _last(trace.series(site.name, "silent_unit_share"))
        for site in trace.sites_of("act", "hidden")
    ]
    matrices = _matrices(trace)
    relative = [
        grad / weight
        for name in matrices
        if (weight := _last(trace.series(name, "weight_norm"))) > 0
        and math.isfinite(grad := _last(trace.series(name, "grad_norm")))
    ]
    updates = [_last(trace.series(name, "update_ratio")) for name in matrices]
    top = max(relative, default=0.0)
    return {
        "worst_silent_share": max(_known(silent), default=UNKNOWN),
        "gradient_ratio": relative[0] / top if top > 0 else UNKNOWN,
        "update_ratio": median(_known(updates)) if _known(updates) else UNKNOWN,
    }


def _matrices(trace: Trace) -> list[str]:
    """Names of the weight matrices that are trained, in the order of the forward pass."""
    facts: Mapping[str, Mapping[str, object]] = {
        fact.site: fact.data for fact in trace.facts_of("parameter")
    }

    def is_matrix(name: str) -> bool:
        shape = facts.get(name, {}).get("shape")
        return isinstance(shape, list) and len(shape) >= 2  # pyright: ignore[reportUnknownArgumentType]

    return [site.name for site in trace.sites_of("parameter") if is_matrix(site.name)]


def _last(series: Series | None) -> float:
    return float(series.values[-1]) if series is not None and len(series) else UNKNOWN


def _known(values: list[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]
