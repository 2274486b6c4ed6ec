"""Forms that programs read: one function from a Diagnosis to a text, one file a form.

- `json_file.py`: writes a file whole or not at all, and UTF-8 to stdout; all reports use it.
- `concise.py`: one line a finding, for editors and `grep`.
- `github.py`: workflow commands that annotate changed lines.
- `sarif.py`: SARIF 2.1.0 for code hosts and editors.
- `junit.py`: a test case a rule, for continuous integration.
- `result_schemas.py`: the schemas of cures, trials and cards, made from the types.
- `diagnosis_schema.py`: the published JSON schema, docs/schema/diagnosis-1.json.
- `load_trials.py`: the way back, trials from the JSON of `relume fix`, `prove` or `compare`.

JSON itself is `Diagnosis.to_json()`. A form is chosen in `report/output.py`::

    MACHINE["sarif"](diagnosis, Severity.WARNING)  # sarif(diagnosis, rules())
"""
