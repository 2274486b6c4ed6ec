"""The atlas: lessons as pages whose figures this package computes, and a reader can move.

In come lessons (a docstring and figures), experiments and the rules', fixes' and acts' pages; out
goes a folder of HTML pages that open without a network. `relume atlas` writes it.

- `figure.py`: an interactive figure as a function of its state.
- `act_readings.py`, `net.py`, `portable_random.py`: numbers off an act, small nets, random numbers
  that a browser draws too.
- `kinds/`: the kinds of figures.
- `lesson.py`, `lessons/`: a lesson's text and figures; one file a lesson.
- `experiment.py`, `experiments/`: a question put to small networks; one file an experiment.
- `run_experiment.py`, `result_cache.py`: run one, store and read its result.
- `measured_figures.py`: a stored result as a figure, verdicts and sentences.
- `docstring_html.py`, `appendix.py`: docstrings as HTML, and the pages of rules, fixes and cards.
- `site_builder.py`: writes all pages.

    >>> from relume.atlas.lesson import about
    >>> [text.name for text in about("rules", "softmax-before-cross-entropy")]
    ['softmax', 'output-layer']
"""
