"""Records one step: arms it, reads its graph, gradients and updates, and writes the numbers.

In: a loss just before `backward`, and the optimiser's step after it.
Out: one row of stats in the run file, added sums in the per-unit counters, and facts.

Files in reading order:

    recorded_step.py     `RecordedStep`: arms, reads and disarms one step
    graph_reader.py      `GraphReader`: finds the acts, head, criterion and inputs of one graph
    graph_cache.py       `CachedGraph`: reuses them when a step makes the same graph again
    step_record.py       `StepRecord`: the sums of one step; `GradientHook` adds those of backward
    parameter_stats.py   norms of weights and gradients, update ratios
    device_transfer.py   `DeviceTransfer`: copies numbers to the host without waiting
    pending_records.py   `PendingRecords`: holds records and losses until their numbers are there
    optimizer_steps.py   `OptimizerSteps`: counts the steps of the watched models' optimisers
    failure_guard.py     `FailureGuard`: records errors of the recorder, and stops after several
    act_cost.py          times the acts after the run has ended

The calls on one recorded step:

    RecordedStep.arm()                     # after the step before it
    RecordedStep.read(loss, step, record)  # before backward: GraphReader fills a StepRecord
    RecordedStep.read_gradients()          # after backward
    RecordedStep.read_updates(optimizer)   # after the optimiser's step
    PendingRecords.add_record(step, step_record)
    RecordedStep.disarm()
"""
