"""Measures tensors: sums over bounded samples, and the stats that are made of them.

In come tensors of one record (outputs, inputs, gradients, parameters, targets). Out go plain
numbers: sums a unit, which can be added over records and ranks, and stats by name as `stats/`
declares them. No measurement changes a tensor, draws a random number or starts a thread.

Files in reading order:

- `stat`: `Stat`, the declaration of a recorded stat; `stats/` has them all.
- `dtensor`: the part of a sharded parameter that this process holds.
- `tensor_view`: a tensor's memory as a NumPy array, without a trace on the tensor.
- `flat_intervals`: where an act is flat, as intervals of its input.
- `act_stats`: sampling, the sums of one act, and its stats (torch, any device).
- `attention_sums`: the sums of one attention, one number a head.
- `unit_counters`: the sums of each unit added up over records, in windows.
- `input_moments`: how centred and how stretched the network's inputs are.
- `target_stats`, `chance_loss`: the targets, and the loss of the best constant guess.
- `parameter_samples`: even samples of parameters and gradients.
- `row_cosine`, `update_cosine`: how alike a weight's rows are, and two updates in a row.

Example:
    >>> import torch
    >>> from relume.acts.act import find_act
    >>> from relume.record.measure.act_stats import FORWARD, forward_sums, sample
    >>> rows = sample(torch.tensor([[1.0, -1.0], [2.0, -2.0]]), axis=1, phase=0)
    >>> sums = dict(zip(FORWARD, forward_sums(find_act("relu"), rows, "pre", {}), strict=True))
    >>> sums["active"].tolist()  # rows with a slope other than 0, for each of two units
    [2.0, 0.0]
"""
