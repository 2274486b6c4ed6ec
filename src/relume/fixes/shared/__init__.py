"""Parts that several fixes share. None of these files is a fix or a page.

- `site_queries.py`: sites, layers and findings for proposals.
- `weight_draws.py`: draws a layer's weights; says which layers cannot be drawn.
- `redraw_layers.py`: `redraw`, `fill_biases` and their patch, for fixes of the initialisation.
- `step_scaling.py`: `scale_rate` and `scale_entry`, for fixes of the optimiser.
- `swap_live.py`: `LiveSwaps`, which replaces acts at sites.
- `live_places.py`: in which of an edit's modules the program is.
- `attention_calls.py`: `answer_attention`, which gives attention other scores.
- `dead_unit_watch.py`: `watch_units`, which reports dead units on a schedule.
"""
