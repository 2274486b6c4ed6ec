"""The command line: a command reads its options, calls one room and delivers the result.

In come the words of a command line, out come a report and an exit code: 0 nothing of `--fail-on` or
above, 1 findings, 2 bad input, 130 interrupted, and for `relume run` the script's own code if it is
not 0. `main` in `app` is the entry point; importing it costs typer and rich's console, while NumPy
and torch are imported by the command that needs them.

Files in reading order:

- `app`: `main`, and the commands `run`, `diagnose` and `demo`; registers the others.
- `options`: the options of judging commands; `output_policy` joins them with the configuration.
- `spell_out`: a dataclass of shared options as the parameters of a command.
- `early_alarm`, `first_death`: one line at the first NaN and one at the first death of a layer,
  while the script still runs.
- `load_and_diagnose`: reads a run file, diagnoses it, silences findings.
- `check_command`, `report_command`, `live_command`, `rules_command`, `runs_command`,
  `combine_command`, `export_command`, `acts_command`, `atlas_command`: one file a command or two.
- `trial_options`: the options of commands that run trials.
- `script_options`: tells the command's options after SCRIPT from the script's own.
- `mcp_command`, `mcp_tools`: the commands as tools for an agent (Model Context Protocol).
- `progress`: the bar while trials run.
- `fix_command`, `trial_commands`: `fix`, `prove`, `compare` and `recommend`.

`relume diagnose` goes: `app.diagnose` -> `options.output_policy` -> `record.store.run_file.find` ->
`load_and_diagnose` -> `report.output.deliver` -> the exit code by `OutputPolicy.failed`.

    >>> from relume.cli.app import main
    >>> main(["--version"])  # doctest: +ELLIPSIS
    relume ...
    0
"""
