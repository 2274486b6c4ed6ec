"""Judges finished runs: which number counts, and whether an arm is a gain.

Comes in: runs by arm and seed (`RunsByArm`). Goes out: an `Objective`, `Verdict`s and
`ArmSummary`s. Pure functions: nothing here starts a run.

- `pairs.py`: pairs runs by seed; breakdowns, repetitions that repeat, the least effect.
- `paired_tests.py`: t, Fisher's and the sign test, Holm's correction, power.
- `held_out.py`: what the script prints on held-out rows, and chance, against a gain.
- `racing.py`: stops hopeless candidates, by a bound that holds at any time.
- `metric_words.py`: words that say what a number is, and on which rows it was measured.
- `objective_value.py`: reads an objective's value from a run's metrics and output.
- `objective.py`: the objective that was asked for, or that fits the arms.
- `verdict.py`: one word for each arm; `sentence.py`: its sentence.
- `arm_summary.py`: mean with its interval, and the cost of each arm.

Call chain: `fitting_objective(runs, arms)` -> `revalue(runs, objective)` ->
`judge(arms, "base", runs, seeds, objective)`.
"""
