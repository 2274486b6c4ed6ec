"""The rules' and fixes' pages: their docstrings, read without importing one of them.

`relume explain`, `relume rules`, SARIF's help and the report's page show them, and all of them must
answer before torch is loaded.

- `pages.py`: a page's code, name, summary and text; prints one page, or a table of all rules;
  what a rule declares of itself: severities, whether it is a symptom, its figure.

    >>> from relume.report.rule_pages.pages import rules
    >>> next(page.name for page in rules() if page.code == "ACT401")
    'dead-units'
"""
