"""Records a training run while it trains, into one SQLite file, and reads it back as a `Trace`.

In come the user's models, optimisers and calls of `backward()`, which get hooks until the end of
the run and stay unchanged otherwise. Out goes a run file, of which `store.run_file.read` makes a
`core.Trace`, and `merge` makes one file of the files of several ranks. Recording takes a bounded
share of the wall time (1 % by default), and an error in the recorder never reaches the training.

Files and rooms in reading order:

- `run`: `watch`, `Run`: the public entry.
- `recorder`: one recorder a run: it arms the hooks, decides which steps to record, writes.
- `schedule`: when to record: the overhead budget, plain steps, ranks, which optimiser owns a loss.
- `hooks`: what is installed in torch and Keras while a run is recorded.
- `sites`: where acts are called: modules, functions, names and source lines.
- `graph`: what the autograd graph says: acts, layers, the criterion, recomputed inputs.
- `measure`: sums and stats of tensors.
- `capture`: one recorded step, from the graph to the numbers that are written.
- `facts`: what is recorded once: criterion, head, structure, parameters.
- `store`: the run file: writing, thinning, reading, exporting.
- `merge`: the files of several ranks as one.

One recorded run:

    import relume

    with relume.watch(model, path="run.sqlite") as run:
        train(model)
    trace = run.trace()
"""
