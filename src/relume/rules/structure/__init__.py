"""ACT1, structure: layers that the recorded graph shows to be linear or idle.

- `missing_nonlinearity` (ACT101): two affine layers with nothing between that bends.
- `acting_linear` (ACT102): an act that bends nothing on the values it receives.
- `gradient_less_act` (ACT104): a step between weights and the loss.
- `act_after_act` (ACT103): a second act that is idle or harmful.
- `no_second_derivative` (ACT105): a second derivative that is zero everywhere.
- `dropout_leaves_little` (ACT106): a dropout that lets next to nothing through.
- `other_act_than_named` (ACT107): an act of the same name as the configuration's, another function.

They read `affine-pair`, `act-pair`, `dropout`, `no-curvature` and `act-name` facts, and for ACT102
the per-unit windows. ACT101, ACT105 and ACT107 keep their severity under any outcome; the others
are symptoms.
"""
