"""The experiments behind the lessons, one file each: a question, its arms, and one run of an arm.

`registry.discover` finds the `Experiment` that each file binds; `relume atlas --measure NAME` runs
it. Files whose name begins with an underscore hold what several share: the digits and their net.

    >>> from relume.atlas.experiment import experiments
    >>> experiments()["steps-to-error"].better
    'min'
"""
