"""ACT9, wiring: whether the gradient reaches the weight, and whether the optimiser uses it.

All read the facts ``wiring``, which are exact: nothing here is inferred from the size of a number,
so a falling loss demotes none of them.

- `gradients_not_cleared` (ACT901): a step that still has the gradients of earlier ones.
- `optimizer_never_steps` (ACT902): backward without one step of the optimiser.
- `parameter_not_optimized` (ACT903): a gradient, and no optimiser that holds the parameter.
- `parameter_without_gradient` (ACT904): an optimiser, and no gradient.
- `parameters_remade` (ACT905): layers that are new in each forward.
- `rows_mixed` (ACT906): an output that depends on other rows; asked by `relume check --probe`.
- `non_finite_data` (ACT907): NaN or infinity among the inputs or the targets.
- `update_lost` (ACT908): a gradient, and a step that changes no bit, or hardly anything.
- `rows_without_gradient` (ACT909): rows or labels that the loss is blind to.
- `term_without_gradient` (ACT910): a term of the loss that reaches no weight.
- `frozen_at_random` (ACT911): layers that are frozen as they were drawn.
- `batch_not_learned` (ACT912): one batch that cannot be learned by heart; by the same probe.
- `targets_exchanged` (ACT913): rows that come back with the targets of other rows.
- `sees_its_targets` (ACT914): attention over the tokens that are asked for.
"""
