"""ACT3, initialisation: what was wrong before the first update.

- `scale_drift_at_init` (ACT301): weights that shrink or blow up the signal over depth.
- `symmetric_init` (ACT302): units that begin alike, and layers of zeros.
- `born_dead` (ACT303): units that never fired.
- `periodic_phase` (ACT304): sines whose phase wraps from row to row.

They read the first records and windows; a run that resumes from trained weights is left out where
its loss shows that. ACT302 and ACT304 keep their severity under any outcome; the others are
symptoms.
"""
