"""Merges the run files of several ranks into the file of one training.

In come run files, one a rank. Out goes a new run file with the trace that one process over all
samples would have recorded, and a list of what cannot be computed from the ranks' numbers: such a
stat is left out and reported, never estimated.

Files in reading order:

- `combine`: checks that the files belong together, merges them, writes the new file.
- `merge_traces`: sites, facts, windows and metadata of several traces as one.
- `merge_series`: each stat's series by the law of that stat (`LAWS`).

The call chain of `relume combine`:

    paths = combine.latest(Path(".relume"))
    combined = combine.combine(paths)       # reads, `merge_traces.merge`, writes
    combined.path, combined.left_out

Example:
    >>> from relume.record.merge.merge_series import LAWS
    >>> LAWS["pre_rms"]
    'RMS over rows'
"""
