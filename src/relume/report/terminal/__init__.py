"""Reports in the terminal, printed with Rich at the width, colours and encoding at hand.

In come plain nouns and a Rich console; nothing comes back.

- `style.py`: a console with its width and signs; every file here prints through its `Style`.
- `diagnosis_text.py`: a diagnosis: the root causes, a line on all else, the verdict last.
- `root_cause.py`: one root cause as compilers print an error: claim, source, symptoms, command.
- `sparkline.py`, `text_plot.py`: a series in one line, a function in braille.
- `trial_text.py`: a cure or a trial; `comparison.py`: a comparison of acts, a recommendation.
- `card_summary.py`: the ten rows of a card that matter first; `card_text.py`, `card_comparison.py`:
  cards one below the other or side by side; `act_list.py`, `run_list.py`: tables.

    >>> from relume.report.terminal.sparkline import draw
    >>> draw([(0, 1.0), (1, 2.0), (2, 4.0)], width=8, plain=True).cells
    '_-#'
"""
