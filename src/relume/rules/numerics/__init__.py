"""ACT8, numerics and cost: what rounding, NaN and the clock do to acts.

- `zero_slope_artefact` (ACT801): slopes that rounding made zero.
- `costly_act` (ACT802): the share of a step that an act takes. A fact, never harm.
- `swallowed_nan` (ACT803): acts that turn NaN into numbers.
- `near_overflow` (ACT804): values in float16 that come near its largest number.

They read the series `zero_slope_share` and `nonfinite_swallowed_share`, and the `act-cost` facts
that are measured when a run has ended.
"""
