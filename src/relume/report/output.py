"""Checks an order for a report before anything runs, and delivers the report in its form."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from relume.core import Diagnosis, Severity, Trace
from relume.errors import UsageError
from relume.policy.selectors import NamedRule, selection
from relume.policy.settings import FAIL_ON, fail_on_words
from relume.registry import unknown
from relume.report.console import print_sentence
from relume.report.machine.concise import concise
from relume.report.machine.github import github
from relume.report.machine.json_file import emit, writable, write
from relume.report.machine.junit import junit
from relume.report.machine.sarif import sarif
from relume.report.rule_pages.pages import rules
from relume.report.terminal.diagnosis_text import render
from relume.report.words.cause_tree import cause_tree, verdict
from relume.report.words.sanitise import fold, prose
from relume.report.words.suppressed_summary import summary

MACHINE: Mapping[str, Callable[[Diagnosis, Severity], str]] = {
    "json": lambda diagnosis, _: f"{diagnosis.to_json()}\n",
    "sarif": lambda diagnosis, _: sarif(diagnosis, rules()),
    "github": lambda diagnosis, _: github(diagnosis),
    "junit": junit,
}
"""The forms that programs read; they go to stdout or to the order's file."""
FORMS = ("full", "concise", *MACHINE)
FILE_WIDTH = 100
FAILING = frozenset({"fails", "unseen"})


@dataclass(frozen=True, slots=True)
class OutputOrder:
    """What a user ordered: the codes to check (None: all), the form and the file of the report, and
    from which severity on a finding fails the run."""

    codes: tuple[str, ...] | None = None
    form: str = "full"
    file: Path | None = None
    fail_on: Severity = Severity.WARNING
    fail_stalled: bool = True
    verbose: bool = False

    def failed(self, diagnosis: Diagnosis) -> bool:
        """Whether a finding reaches the severity that fails the run, or the run has not learned.

        A run that fails for what somebody silenced is no news: its cause is known.
        """
        if any(finding.severity >= self.fail_on for finding in diagnosis.findings):
            return True
        known = any(each.finding.severity >= Severity.WARNING for each in diagnosis.suppressed)
        return self.fail_stalled and diagnosis.verdict in FAILING and not known


def output_order(
    known: Sequence[NamedRule],
    *,
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    form: str = "full",
    file: Path | None = None,
    fail_on: str = FAIL_ON,
    verbose: bool = False,
) -> OutputOrder:
    """Return a valid order.

    Raises:
        UsageError: a rule that does not exist, rules that leave nothing, an unknown form or
            severity, a file that cannot be written.
    """
    if form not in FORMS:
        raise UsageError(unknown(form, FORMS, "output format"))
    level, stalled = fail_on_words(fail_on)
    codes = selection(select, known) or tuple(page.code for page in known)
    unwanted = selection(ignore, known)
    left = tuple(code for code in codes if code not in unwanted)
    if (select or ignore) and not left:
        raise UsageError("--select and --ignore leave no rule to check; ignore fewer.")
    target = writable(file) if file else None
    chosen = left if select or ignore else None
    return OutputOrder(chosen, form, target, level, stalled, verbose)


def verdict_line(diagnosis: Diagnosis) -> str:
    """Return the verdict and the outcome in one line."""
    _, claim = verdict(diagnosis, cause_tree(diagnosis))
    return prose(f"{claim}. {diagnosis.outcome.text}")


def deliver(
    diagnosis: Diagnosis,
    trace: Trace | None,
    order: OutputOrder,
    console: Console,
    *,
    both: bool = True,
) -> None:
    """Write the report to the order's file if it names one; else the forms for programs go to
    stdout and text goes to `console`. With `both`, text goes to `console` beside a file too."""
    if order.file is not None:
        write(_text(diagnosis, trace, order), order.file)
        if both:
            form = "full" if order.form in MACHINE else order.form
            _show(diagnosis, trace, replace(order, form=form), console)
    elif order.form in MACHINE:
        text = MACHINE[order.form](diagnosis, order.fail_on).removesuffix("\n")
        if text:  # no finding is no workflow command
            emit(text)
    elif both:
        _show(diagnosis, trace, order, console)


def _text(diagnosis: Diagnosis, trace: Trace | None, order: OutputOrder) -> str:
    if order.form in MACHINE:
        return MACHINE[order.form](diagnosis, order.fail_on)
    stream = io.StringIO()
    plain = Console(file=stream, width=FILE_WIDTH, color_system=None)
    _show(diagnosis, trace, order, plain)
    return stream.getvalue()


def _show(diagnosis: Diagnosis, trace: Trace | None, order: OutputOrder, console: Console) -> None:
    if order.form == "concise":  # written as it is: a line must stay one line, however long
        console.file.write(fold(concise(diagnosis), console.encoding))
        console.file.flush()
        for line in summary(diagnosis):  # not among the findings, which programs read
            print_sentence(line)
        if all(
            f.severity is Severity.FACT for f in diagnosis.findings
        ):  # a run that fails without a sure cause leaves a word too
            print_sentence(verdict_line(diagnosis))
        return
    render(diagnosis, trace, console, verbose=order.verbose)
