"""Fixes of the initial weights and biases.

Draws: `matching_init` (gain of each act), `he_init`, `xavier_init`, `lecun_init`, `siren_init`.
Rescaling: `rescale_init`. Biases: `zero_bias`, `positive_bias`, `open_gate`; recurrent layers:
`keep_state`. During training: `margin_bias` and `recycle_dead_units`, which revive dead units.

All act before the first forward that trains, by `session.on_start(action, training=True)`.
"""
