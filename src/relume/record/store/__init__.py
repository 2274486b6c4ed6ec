"""Writes and reads run files: one SQLite file a process, readable while the run trains.

In come records (step, keys, values), losses of steps, sites, facts and windows of unit counters.
Out comes a `core.Trace`, at any moment, also after a kill. Old records are thinned while the run
goes on, so the file stays small at any length of the run.

Files in reading order:

- `run_file`: opens run files: `Writer`, `read`, `meta`, `newest`, `find`, `runs`.
- `schema`: the tables, their versions, and how a file of any version is opened.
- `run_values`: what a file says against what a recorder writes.
- `new_path`: where the file of a new run goes; `late_end`: how a killed run ended.
- `writer`: appends in transactions; a lock or a full disk never stops the training.
- `retention`: when old rows are thinned, and how much stays whole.
- `downsample`: how a stretch of rows is thinned: first, last, least and greatest value.
- `window_table`: windows of per-unit counters, merged where there are too many.
- `silent_masks`: which units were silent, one bit a unit, for merging ranks.
- `read_series`: thinned and whole rows as one `core.Series` for each site and stat.
- `write_trace`: a whole trace as a new run file.
- `export_tables`: a trace as CSV or Parquet tables.
- `tensorboard`: event files beside the run file.

Example:
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from relume.record.store.run_file import Writer, read
    >>> with TemporaryDirectory() as folder:
    ...     writer = Writer(Path(folder) / "run.sqlite")
    ...     writer.record(0, (("fc1", "grad_norm"),), [0.5])
    ...     writer.close()
    ...     read(writer.path).series("fc1", "grad_norm").values
    array([0.5])
"""
