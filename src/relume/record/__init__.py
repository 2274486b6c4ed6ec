"""Records a run while it trains, into one SQLite file, and reads the file back as a `Trace`.

In: the models of a running training, or none (then every model that trains in the process).
Out: a run file; `Run.trace()` reads it as series, facts, sites and per-unit windows.

One step travels like this: a wrapper around `backward` (`hooks`) calls the `Recorder`; if the step
is recorded (`schedule`), `capture` walks the autograd graph (`graph`), finds its acts (`sites`),
sums what passes through them (`measure`), writes facts about the structure (`facts`), and writes
the sums once the device has delivered them (`store`).

Files in reading order:

    run.py        `watch`, `load`, `Run`: the public functions
    recorder.py   `Recorder`: the two entry points that stay in torch, and the clock of steps
    hooks/        wrappers and global state of torch, installed and restored
    schedule/     which steps are recorded, and whose loss is whose
    sites/        which acts there are, where, and what they are called
    graph/        what an autograd graph shows: criterion, head, affine maps, opaque ops
    measure/      stats of acts, units, parameters and inputs
    capture/      one recorded step, from arming to its row in the file
    facts/        what is written once: structure, criterion, parameters
    store/        the run file: schema, writer, thinning, reading, export
    merge/        one run file from those of several ranks

Example:

    with relume.watch(model) as run:
        train(model)
    run.trace().series("1", "flat_share_high")

Nothing stays in torch or in the model after `close`, and no error of the recorder reaches the
training. The design and its costs are described in docs/recording.md.
"""
