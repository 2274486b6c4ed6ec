"""Fixes between the head and the criterion.

The head: `drop_act`, `stretch_head`, `class_axis`, `sigmoid_for_softmax`. The criterion's input:
`logits_to_criterion`, `log_probabilities`, `scale_logits`, `stable_log`, `match_shapes`. Advice:
`fitting_criterion`, `keep_numbers_finite`.

They answer calls by `session.on_calls(table, outside=True)`; `live/provenance.py` finds the logits
of a softmax."""
