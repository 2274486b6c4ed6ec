"""Fixes that are words only: `leave_it`, `mend_the_program` and `record_longer`.

Their safety is `ADVICE`: they stand last on a ladder, change no run, and relume claims nothing for
them. Advice on one subject stands with that subject, such as `loss/fitting_criterion.py`.
"""
