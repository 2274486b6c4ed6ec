"""ACT0, what could not be seen: gaps of the recording. Facts, never harm.

- `not_observable` (ACT001): operations that hide their acts, and failures of the recorder.
- `too_few_samples` (ACT002): rules that had less evidence than they ask for.

Both read facts and counts, and judge nothing: they keep their severity under any outcome.
"""
