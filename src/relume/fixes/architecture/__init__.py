"""Fixes of the model: acts, norm layers and forgotten parameters.

Acts: `swap_act`, `insert_act`, `exact_act`, `drop_idle_act`. Norm layers: `insert_norm`. Attention:
`scale_scores`, `normalise_query_and_key`, `cap_scores`. Routers: `balance_router`. Parameters
without an optimiser: `adopt_parameters`. Advice: `add_residual_connections`, `free_the_gate`,
`free_the_layer`.

They change modules or answer calls before the model's first forward, by `session.on_start` and
`shared/swap_live.py`.
"""
