"""Fixes of the optimiser's steps.

Learning rate: `lower_learning_rate`, `raise_learning_rate`, `warm_up_learning_rate`,
`decay_learning_rate`, `cap_learning_rate`. Weight decay: `lower_weight_decay`, `spare_from_decay`.
Gradient: `clip_gradient`, `clear_gradients`, `skip_broken_steps`, `adaptive_optimiser`; its size
against the eps: `usual_eps`. Advice: `shuffle_and_enlarge_batches`.

All act around a step, by `session.on_step(before, after)`; entries of parameter groups change for
the length of the step only (`session.override`, `override_gradient`).
"""
