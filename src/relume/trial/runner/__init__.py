"""Runs one arm at one seed in this process, which must be a fresh one.

Comes in: a `TrialJob`. Goes out: a `TrialRun` with losses, findings, metrics and costs. The user's
files stay as they are: the arm writes into a scratch folder.

Read in this order:

- `job.py`: `Program`, `TrialJob`, and their JSON.
- `run_arm.py`: `run_arm(job, scratch)`, which does it all.
- `seed_shift.py`: shifts the script's seeds by the number of the repetition.
- `path_overlay.py`, `removed_paths.py`: map paths to the scratch folder; what the arm has removed.
- `redirection.py`, `file_sandbox.py`: call Python's file functions with mapped paths, in this
  process and in Python processes that it starts.
- `loss_probe.py`: records losses and ends the run at its step limit.
- `held_out_numbers.py`: finds numbers on held-out rows in what the script prints and logs.
- `outside.py`: failures of the machine; what a script does that no sandbox holds back.
- `shared_metrics.py`: yardsticks that arms with different criteria share.
- `report_metric.py`: `relume.report_metric`, which a script calls.
"""
