"""ACT0, what could not be seen: gaps of the recording.

- `not_observable` (ACT001): operations that hide their acts, and failures of the recorder.
- `too_few_samples` (ACT002): rules that had less evidence than they ask for.
- `failed_step` (ACT003): the step that raised, and what its criterion was given.

All read facts and counts, and judge nothing: they keep their severity under any outcome.
"""
