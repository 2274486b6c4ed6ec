"""A diagnosis as the result of a notebook's cell, where no script may run.

- `cell.py`: the verdict, each root cause, and the rest folded, as HTML in the notebook's colours.
- `evidence_chart.py`: a finding's evidence over the steps as a small SVG.

`Diagnosis._repr_html_` calls `cell(diagnosis)`; core imports it only then.
"""
