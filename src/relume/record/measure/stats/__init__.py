"""Declares every recorded stat: one `Stat` each, in the file of its subject.

In: nothing. Out: `recorded_stats`, from which the laws of merging ranks, the fields of windows, the
stats of acts and heads, and the page of stats in the documentation are made.

Files in reading order:

- `slope_shares`: shares of silent, flat and zero-slope units and entries of an act.
- `value_moments`: mean, RMS and extremes of an act's input and output.
- `gradient_rms`: the gradients on both sides of an act.
- `head_values`: the output of the head and its gradient.
- `attention_spread`: the scores and weights of attention, all heads together and by head.
- `expert_loads`: how evenly a router's choices fall on its experts.
- `input_shape`: how centred and how stretched the inputs are.
- `parameter_sizes`: weights, gradients and updates.
- `step_values`: loss, learning rate and time of every step.
- `window_fields`: the per-unit counters.

A new stat is a new file here: discovery reads this folder (docs/extend/stat.md).

Example:
    >>> from relume.record.measure.stats import recorded_stats
    >>> recorded_stats()["act", "pre_rms"].merge
    'RMS over rows'
"""

from collections.abc import Mapping
from functools import cache

from relume.record.measure.stat import Stat
from relume.registry import discover


@cache
def recorded_stats() -> Mapping[tuple[str, str], Stat]:
    """Every declared stat, by kind and name."""
    stats: dict[tuple[str, str], Stat] = {}
    for stat in discover("relume.record.measure.stats", Stat):
        first = stats.setdefault((stat.kind, stat.name), stat)
        assert first is stat, f"{stat.name}: declared twice"
    return stats


@cache
def computed_stats(kind: str) -> tuple[Stat, ...]:
    """The stats of a kind that are computed from the sums of one record."""
    return tuple(s for s in recorded_stats().values() if s.kind == kind and s.of is not None)


def declared(kind: str, name: str) -> Stat | None:
    """The declaration of a stat, or None.

    A run has ``loss_2``, ``learning_rate_2`` and so on where several optimisers take turns.
    """
    base, _, number = name.rpartition("_")
    name = base if kind == "run" and number.isdigit() else name
    return recorded_stats().get((kind, name))
