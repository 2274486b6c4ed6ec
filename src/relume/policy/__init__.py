"""Policy: which rules run, which findings are silent, and what is known already. Plain data only.

In come a diagnosis and what the user settled: options, `[tool.relume]`, ignore comments, a
baseline. Out come settings that have been checked, and the diagnosis with its silenced findings in
`suppressed`. This room imports `relume.core` and neither torch nor a rule; pydantic is imported
only where there is a configuration or a baseline to check.

Files in reading order:

- `settings`: the nouns `Config` and `SiteIgnore`.
- `selectors`: rules by code, prefix or name.
- `config_file`: finds and reads the nearest pyproject.toml.
- `config_schema`: checks its table; a mistake becomes one sentence.
- `ignore_comments`: reads `# relume: ignore[ACT401]: reason` by Python's tokens.
- `baseline`: reads and writes the file of known findings.
- `suppress`: silences findings by comment, by site and by baseline, with their symptoms.

The command line calls them in this order: `read_config`, `load_baseline`, `diagnose`, `suppress`.

    >>> from relume.policy.selectors import selection
    >>> from relume.report.rule_pages.pages import rules
    >>> selection(["act7", "dead-units"], rules())
    ('ACT701', 'ACT702', 'ACT703', 'ACT401')
"""
