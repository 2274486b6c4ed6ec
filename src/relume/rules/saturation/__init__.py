"""ACT5, saturation: acts and gates that work where they are flat.

- `saturated_units` (ACT501): layers of which most entries or many units are flat.
- `stuck_gate` (ACT502): gates that stay on one side, routers that pick one output.
- `saturated_attention` (ACT503): heads whose rows look at one key.

They read the counters `low`, `high`, `top` and those of attention in the per-unit windows. The zero
side of rectifiers is silence, which the family `dead` judges.
"""
