"""ACT6, gradient flow and learning rate: what loss, gradients and steps show over a run.

- `vanishing_gradient` (ACT601), `exploding_gradient` (ACT602): the gradient over depth and steps.
- `frozen_layer` (ACT603): weights that stand still while others move.
- `first_non_finite` (ACT604): where the first NaN or infinity came from.
- `learning_rate_high` (ACT605), `learning_rate_low` (ACT606): the size of updates.
- `oscillating_loss` (ACT607): a loss that swings around a level.
- `gradient_over_time` (ACT609): the error on its way back through a sequence.
- `over_regularised` (ACT608): weight decay that outweighs the loss.

They read the series `grad_norm`, `weight_norm`, `update_ratio`, `update_cosine`, `grad_pre_rms`,
`grad_post_rms`, `learning_rate` and `loss`, and the outcome.
"""
