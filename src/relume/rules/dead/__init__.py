"""ACT4, dead units: units without output and gradient, and how they came to be so.

- `dead_units` (ACT401): units that do not fire.
- `dormant_units` (ACT402): the same of smooth acts, which are never exactly flat.
- `died_in_training` (ACT403): units that fired before, when they died, and the likeliest cause.
- `collapsed_representation` (ACT405): the first place after which all rows are alike.
- `dead_experts` (ACT406): experts that a router never calls.
- `inactive_latents` (ACT407): latents, codes and features that nothing uses.
- `sparse` (ACT404): how rarely units fire. A fact, never harm.

They read the per-unit windows through `rules.unit_windows` and `rules.dead_layers`. Units that
never fired at all are `initialisation.born_dead`.
"""
