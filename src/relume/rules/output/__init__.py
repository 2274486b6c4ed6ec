"""ACT2, output and loss: what stands between the last layer and the criterion, and what it costs.

- `softmax_before_cross_entropy` (ACT201), `sigmoid_before_bce_with_logits` (ACT202): probabilities
  where logits belong.
- `one_sided_head` (ACT203): a last act that does not fit the criterion.
- `target_outside_range` (ACT204): targets that the last act cannot reach.
- `wrong_softmax_axis` (ACT205): a softmax over the batch.
- `softmax_twice` (ACT208): a softmax of probabilities, in any term of the loss.
- `bounded_logits` (ACT207): logits that are cosines, so that the loss has a floor.
- `wrong_loss_for_task` (ACT206): targets of one kind under a criterion for another.

They read the `criterion`, `head`, `softmax` and `logit-bound` facts, mostly through
`rules.head_facts`. They are faults of the program, so they keep their severity under any outcome.
"""
