"""The kinds of figures, one file each: its controls, its readings, and the data it is drawn from.

In comes a title, sentences and the controls' start; out goes a `Figure`. The readings are computed
here with torch, from the acts. The page computes them again in the browser (web/src/atlas/kinds)
whenever a control moves; the tests compare both.

- `curve.py`, `means.py`, `timeline.py`: one act, several acts, all acts by year.
- `classes.py`, `head.py`: a softmax, and an output head under a loss.
- `cloud.py`, `birth.py`: one unit over data, and many random ones.
- `descent.py`, `shape.py`, `fit.py`, `boundary.py`: training, step by step.
- `depth.py`: signal and gradient through many layers.
- `bars.py`: measured numbers with their intervals.

    >>> from relume.atlas.figure import Say
    >>> from relume.atlas.kinds.means import means
    >>> figure = means("Means", ["relu", "tanh"], [Say("ReLU has mean {relu}.")])
    >>> figure.sentence(figure.start)
    'ReLU has mean 0.399.'
"""
