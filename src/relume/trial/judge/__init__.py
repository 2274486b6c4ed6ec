"""Judges finished runs: which number counts, and whether an arm is a gain.

Comes in: runs by arm and seed (`RunsByArm`). Goes out: an `Objective`, `Verdict`s and
`ArmSummary`s. Pure functions: nothing here starts a run.

- `objective_value.py`: reads an objective's value from a run's metrics and output.
- `objective.py`: the objective that was asked for, or that fits the arms.
- `verdict.py`: paired differences, t-test or sign flips, Holm's correction, one word.
- `arm_summary.py`: mean with its interval, and the cost of each arm.

Call chain: `fitting_objective(runs, arms)` -> `revalue(runs, objective)` ->
`judge(arms, "base", runs, seeds, objective)`.
"""
