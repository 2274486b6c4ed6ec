"""Decides which steps are recorded, and assigns losses to optimisers.

In: the wall time of each step, the recorder's own time, and the losses since the last step.
Out: whether to record the next step, how many plain steps to skip, and the series of each loss.

Files in reading order:

    overhead_budget.py       `OverheadBudget`: a token bucket over wall time, with calibrated cost
    step_schedule.py         which steps are recorded, and on which the loss is read, by number
    loss_attribution.py      `LossAttribution`: whose loss is whose where optimisers alternate
    ranks.py                 `this_rank`: which rank of a job this process is

Example:

    >>> from relume.record.schedule.overhead_budget import OverheadBudget
    >>> budget = OverheadBudget(every=3)
    >>> [budget.step(seconds=0.01, cost=None) for _ in range(6)]
    [False, False, True, False, False, True]
"""
