"""The options that judging commands share, joined with the configuration to an `OutputPolicy`.

The command line wins over the configuration, key by key; the defaults are in this file. Everything
is checked before anything runs.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from relume.errors import UsageError
from relume.registry import unknown
from relume.report.machine.json_file import write

if TYPE_CHECKING:
    from relume.core import Diagnosis, Trace
    from relume.policy.baseline import Baseline
    from relume.policy.settings import Config
    from relume.policy.suppress import Suppressed
    from relume.report.output import OutputOrder

FOLDER = Path(".relume")
BUDGET = 0.01

Select = Annotated[
    list[str] | None,
    typer.Option("--select", metavar="CODES", help="Only these rules: codes, prefixes or names."),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option("--ignore", metavar="CODES", help="Not these rules; wins over --select."),
]
Form = Annotated[
    str | None,
    typer.Option(
        "--output-format",
        metavar="full|concise|json|sarif|github|junit",
        help="How to tell it.",
        show_default="full",
    ),
]
ListForm = Annotated[
    str, typer.Option("--output-format", metavar="full|json", help="A table, or data.")
]
File = Annotated[
    Path | None, typer.Option("-o", "--output-file", help="Write the report to this file.")
]
Folder = Annotated[
    Path | None,
    typer.Option("--dir", help="Where the recorded runs are.", show_default=str(FOLDER)),
]
FailOn = Annotated[
    str | None,
    typer.Option(
        "--fail-on",
        metavar="note|warning|error[,stalled]",
        help="Exit with 1 for a finding of this severity or above, and with ,stalled for a run "
        "that stalled, diverged or was not seen.",
        show_default="warning,stalled",
    ),
]
ExitZero = Annotated[bool, typer.Option("--exit-zero", help="Exit with 0 despite findings.")]
BaselineFile = Annotated[
    Path | None,
    typer.Option("--baseline", help="Silence the findings that this file knows; tell what is new."),
]
WriteBaseline = Annotated[
    bool, typer.Option("--write-baseline", help="Write what is found to the baseline.")
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Read this TOML file.",
        show_default="the nearest pyproject.toml with a table [tool.relume]",
    ),
]
Isolated = Annotated[bool, typer.Option("--isolated", help="Read no configuration.")]
Verbose = Annotated[
    bool,
    typer.Option("-v", "--verbose", help="Also the numbers, the notes, and what each rule found."),
]


@dataclass(frozen=True, slots=True)
class JudgingOptions:
    """The options of every judging command as they were typed; None and False: not given.

    Each field is one option; `options(JudgingOptions)` spells them out for the parser.
    """

    folder: Folder = None
    select: Select = None
    ignore: Ignore = None
    form: Form = None
    file: File = None
    verbose: Verbose = False
    fail_on: FailOn = None
    exit_zero: ExitZero = False
    baseline: BaselineFile = None
    write_baseline: WriteBaseline = False
    config: ConfigFile = None
    isolated: Isolated = False


def wants_json(form: str) -> bool:
    """Return whether a list is wanted as JSON.

    Raises:
        UsageError: an unknown form.
    """
    if form not in ("full", "json"):
        raise UsageError(unknown(form, ("full", "json"), "output format"))
    return form == "json"


WRITTEN_REPORT = ("form", "file", "verbose", "fail_on", "exit_zero", "write_baseline")
"""The options that are about a report in text; a page has none of them."""


@dataclass(frozen=True, slots=True)
class OutputPolicy:
    """The options and the configuration, joined and checked.

    Attributes:
        order: which rules run, how and where the report goes, what fails.
        folder, budget: where runs are, and the share of time for recording.
        config: the configuration.
        exit_zero: findings do not change the exit code.
        baseline, baseline_file: the known findings, and their file.
        writes_baseline: the baseline is to be written.
    """

    order: "OutputOrder"
    config: "Config"
    folder: Path = FOLDER
    budget: float = BUDGET
    exit_zero: bool = False
    baseline: "Baseline | None" = None
    baseline_file: Path | None = None
    writes_baseline: bool = False

    def suppress(self, diagnosis: "Diagnosis", trace: "Trace | None") -> "Suppressed":
        """Return the diagnosis without silenced findings, and notes.

        With `writes_baseline` every finding that is left enters the baseline first, and is silent.
        """
        from relume.core.plural import count
        from relume.policy.suppress import suppress
        from relume.report.rule_pages.pages import rules

        known, ignores, file = rules(), self.config.site_ignores, self.config.file
        baseline, notes = self.baseline, ()
        if self.writes_baseline and self.baseline_file is not None:
            left = suppress(diagnosis, known, ignores=ignores, config=file).diagnosis
            baseline = _write_baseline(left, baseline, self.baseline_file)
            many = count(len(baseline.findings), "finding")
            notes = (f"the baseline {self.baseline_file} knows {many}.",)
        done = suppress(
            diagnosis,
            known,
            trace=trace,
            ignores=ignores,
            config=file,
            baseline=baseline,
            baseline_file=self.baseline_file,
        )
        return replace(done, notes=(*done.notes, *notes))

    def failed(self, diagnosis: "Diagnosis") -> bool:
        """Whether the exit code is to be 1 because of findings."""
        return self.order.failed(diagnosis) and not self.exit_zero


def output_policy(words: JudgingOptions) -> OutputPolicy:
    """Join the options with the configuration and check both.

    Raises:
        UsageError: an invalid word, or a file that cannot be read or written.
    """
    from relume.policy.config_file import read_config
    from relume.policy.settings import FAIL_ON
    from relume.report.output import FORMS, output_order
    from relume.report.rule_pages.pages import rules

    known = rules()
    config = read_config(known, FORMS, file=words.config, isolated=words.isolated)
    wanted = output_order(
        known,
        select=words.select or config.select,
        ignore=words.ignore or config.ignore,
        form=words.form or config.output_format or "full",
        file=words.file,
        fail_on=words.fail_on or config.fail_on or FAIL_ON,
        verbose=words.verbose,
    )
    done = OutputPolicy(
        wanted,
        config,
        folder=folder_of(words.folder, config),
        budget=config.budget or BUDGET,
        exit_zero=words.exit_zero,
        baseline_file=words.baseline or config.baseline,
        writes_baseline=words.write_baseline,
    )
    known_before = _read_baseline(done.baseline_file, writes_baseline=done.writes_baseline)
    # a script may change the working directory before the baseline is written
    baseline_file = done.baseline_file.absolute() if done.baseline_file else None
    return replace(done, baseline=known_before, baseline_file=baseline_file)


def folder_of(folder: Path | None, config: "Config | None" = None) -> Path:
    """Return the folder of the runs: as typed, as configured, or the default.

    Raises:
        UsageError: it is a file.
    """
    runs_folder = folder or (config.dir if config else None) or FOLDER
    if runs_folder.exists() and not runs_folder.is_dir():
        if folder is None and config is not None and config.file is not None:
            raise UsageError(f"{config.file}: dir is {str(runs_folder)!r}, a file; give a folder.")
        raise UsageError(f"--dir is {str(runs_folder)!r}, which is a file; give a folder.")
    return runs_folder


def runs_folder(folder: Path | None) -> Path:
    """Return the folder of the runs, for a command that reads nothing else of the configuration.

    Raises:
        UsageError: it is a file, or the configuration is wrong.
    """
    if folder is not None:
        return folder_of(folder)
    from relume.policy.config_file import read_config
    from relume.report.output import FORMS
    from relume.report.rule_pages.pages import rules

    return folder_of(None, read_config(rules(), FORMS))


def _write_baseline(
    diagnosis: "Diagnosis", before: "Baseline | None", baseline_file: Path
) -> "Baseline":
    from relume.policy.baseline import baseline_of, dump_baseline

    baseline = baseline_of(diagnosis, before)
    try:
        write(dump_baseline(baseline), baseline_file)
    except OSError as error:  # it was writable when that was checked, and no longer is
        reason = error.strerror or type(error).__name__
        raise UsageError(f"cannot write the baseline {str(baseline_file)!r}: {reason}.") from None
    return baseline


def _read_baseline(baseline_file: Path | None, *, writes_baseline: bool) -> "Baseline | None":
    if baseline_file is None:
        if writes_baseline:
            raise UsageError("--write-baseline needs a file; name it with --baseline FILE.")
        return None
    from relume.policy.baseline import load_baseline, load_replaceable  # pydantic

    return load_replaceable(baseline_file) if writes_baseline else load_baseline(baseline_file)
