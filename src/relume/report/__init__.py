"""Reports: what a diagnosis, a trial, a card or a list looks like in each form.

In come the plain nouns of `core` (Diagnosis, Trace, Trial, Card) and the rules' pages; out go text
in the terminal, HTML, and the forms that programs read. No file here judges or measures anything,
and none imports torch.

Read in this order:

- `words`: safe text and numbers, and the tree of causes, which all forms share.
- `terminal`: a diagnosis, a trial, a comparison, cards and lists with Rich.
- `machine`: JSON, SARIF, GitHub commands, JUnit, one line a finding; files written whole.
- `html`: the page of `relume report` and `relume live`; `web/` draws its data.
- `notebook`: a diagnosis as the result of a cell, without scripts.
- `rule_pages`: the rules' and fixes' docstrings, read without importing them.
- `output.py`, `card_output.py`, `trial_output.py`: check an order before anything runs, then write
  the report to its file, to stdout or to a console.
- `console.py`: one sentence, a spinner, an error of the command line.
- `run_status.py`: whether a run has ended, is training or is lost.
- `act_chart_svg.py`: value and slope of acts as one SVG file.
- `comparison_page.py`: a comparison of acts as one page, with a forest plot and loss curves.

The way of a diagnosis to the terminal::

    order = output_order(rules(), form="full")
    deliver(diagnosis, trace, order, console())
    # deliver -> terminal.diagnosis_text.render -> words.cause_tree -> terminal.root_cause
"""
