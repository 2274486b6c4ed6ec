"""Runs the user's training with an arm's edits in this process, and returns the `TrialRun`."""

import importlib
import inspect
import math
import os
import sys
import traceback
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from relume import launch
from relume.checks.import_target import import_object
from relume.core import Severity, Trace
from relume.core.trial import UNLAID, TrialRun
from relume.diagnosis import diagnose, judge_losses
from relume.record.run import begin, new_path
from relume.record.store import run_file
from relume.trial.judge.objective_value import objective_value
from relume.trial.runner import report_metric
from relume.trial.runner.file_sandbox import sandboxed
from relume.trial.runner.held_out_numbers import LoggedNumbers, printed_numbers, thinned
from relume.trial.runner.job import TrialJob, digest
from relume.trial.runner.loss_probe import LossProbe, diverged, downsample, final_loss
from relume.trial.runner.outside import go_offline, outside_reason
from relume.trial.runner.patched_sources import patched_sources
from relume.trial.runner.seed_shift import shift_seeds

try:
    import resource
except ImportError:  # Windows has no such counter
    resource = None

OUTPUT = 4000  # characters of output in a result
MOST_OUTPUT = 4_000_000  # characters that are searched for numbers: a few hundred epochs of bars


@dataclass(slots=True)
class ObservedRun:
    """Collects the results of the program while and after it runs."""

    how: str = "normal"
    text: str = ""
    run: Path | None = None
    applied: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict[str, float])
    problem: str = ""
    seconds: float = 0.0
    held_out: dict[str, tuple[float, ...]] = field(default_factory=dict[str, Any])


def run_arm(job: TrialJob, scratch: Path, output: Path | None = None) -> TrialRun:
    """Run one job in this process, which must be a fresh one.

    Args:
        job: what to run.
        scratch: a folder of its own; everything that the program writes goes there.
        output: the file with what the program prints, where it is captured.
    """
    if job.threads:
        torch.set_num_threads(job.threads)
    os.chdir(job.program.cwd)
    go_offline(scratch)
    for module in job.imports:
        sys.path.insert(0, "")
        importlib.import_module(module)
    observed, logged = ObservedRun(), LoggedNumbers()
    probe = LossProbe(job.steps, logged.watch)
    runs = Path(job.keep) if job.keep else scratch / "runs"
    reported = report_metric.start_listening()
    begun = perf_counter()
    with ExitStack() as stack:
        overlay = stack.enter_context(
            sandboxed(scratch) if not job.keep else sandboxed(scratch, runs)
        )
        stack.enter_context(patched_sources(overlay, job.arm.sources))
        stack.enter_context(shift_seeds(job.seed))
        session = _apply_edits(job, stack)  # after the shift: what an edit draws differs by seed
        stack.enter_context(probe)
        try:
            _run(job, observed, runs)
        finally:
            observed.seconds = perf_counter() - begun
        if session is not None:
            observed.applied, observed.missed = tuple(session.done), tuple(session.missed)
        for name, (value, better) in reported.items():
            observed.metrics[f"reported:{name}:{better}"] = value
        _call_user_metric(job, observed)
    report_metric.stop_listening()
    printed = "" if output is None else _read_output(output)
    observed.held_out = thinned(printed_numbers(printed) | logged.numbers)
    return _result(job, observed, probe, printed)


def _apply_edits(job: TrialJob, stack: ExitStack) -> Any:
    if not job.arm.edits:
        return None
    from relume.fixes.apply import applied

    return stack.enter_context(applied(job.arm.edits))


def _run(job: TrialJob, observed: ObservedRun, runs: Path) -> None:
    program = job.program
    if program.call:
        _call(job, observed, runs)
        return
    if not sys.path or sys.path[0] != "":
        sys.path.insert(0, "")  # `launch` replaces it by the script's folder
    if not job.recorded:
        done = launch.run_unrecorded(program.target, program.argv, module=program.module)
        observed.how = done.how
        if done.how == "exception" or done.code:
            observed.text = next(iter(done.notes), "the script failed")
        return
    done = launch.run(
        program.target, program.argv, module=program.module, every=job.every, folder=runs
    )
    observed.how, observed.run = done.how, done.path
    if done.how == "exception" or done.code:
        observed.text = _error_text(done.path)


def _error_text(path: Path | None) -> str:
    try:
        ends = run_file.read(path).facts_of("end") if path is not None else ()
    except Exception:
        return "the script failed"
    return str(ends[-1].data.get("text", "")) if ends else "the script failed"


def _call(job: TrialJob, observed: ObservedRun, runs: Path) -> None:
    """Run a function ``train(seed)`` instead of a script."""
    function = import_object(job.program.target, "the function")
    path = new_path(runs.resolve(), getattr(function, "__name__", "train"))
    about: dict[str, Any] = {"script": job.program.target, "argv": []}
    run = begin(path, (), budget=0.01, every=job.every, about=about)
    observed.run = run.path
    try:
        takes = len(inspect.signature(function).parameters) > 0
        result: Any = function(job.seed) if takes else function()
        named: Mapping[str, Any] = result if hasattr(result, "items") else {"value": result}
        for name, value in named.items():
            if isinstance(value, int | float) or hasattr(value, "item"):
                observed.metrics[f"returned:{name}"] = float(value)
    except SystemExit:
        observed.how = "exit"
    except Exception as error:
        traceback.print_exc()
        observed.how, observed.text = "exception", f"{type(error).__name__}: {error}"
    finally:
        run.close(observed.how, 0, observed.text)


def _call_user_metric(job: TrialJob, observed: ObservedRun) -> None:
    """Call the user's own metric with the script's globals."""
    source = job.objective.source
    if ":" not in source or source.split(":")[0] in ("reported", "printed", "returned"):
        return
    try:
        globals_ = vars(sys.modules["__main__"])
        observed.metrics[source] = float(import_object(source, "--metric")(globals_))
    except Exception as error:
        observed.problem = f"--metric {source} failed: {type(error).__name__}: {error}"


def _result(job: TrialJob, observed: ObservedRun, probe: LossProbe, output: str) -> TrialRun:
    losses = probe.losses()
    trace = _trace(observed.run)
    outcome, findings, symptoms, chance = _diagnosed(trace)
    if not job.recorded:
        outcome = judge_losses(losses).name
    broke = diverged(losses, outcome)
    metrics = {
        **observed.metrics,
        **chance,
        **probe.yardsticks(),
        **_costs(probe, losses, observed.seconds, trace),
    }
    value = objective_value(metrics, output, job.objective, observed.held_out)
    if job.objective.source == "printed" and value is not None:
        metrics[f"printed:{job.objective.name}"] = value
    return TrialRun(
        arm=job.arm.name,
        seed=job.seed,
        value=value,
        diverged=broke,
        loss=downsample(losses),
        steps=probe.steps or probe.backwards,
        seconds=observed.seconds,
        bytes=_memory(),
        findings=findings,
        symptoms=symptoms,
        laid=observed.applied,
        problem=_problem(job, observed, value, broke=broke),
        metrics=metrics,
        criterion=probe.criterion,
        sources=_sources(job),
        output=output[-OUTPUT:],
        run=str(observed.run) if job.keep and observed.run is not None else "",
        held_out=observed.held_out,
        stopped=outside_reason(observed.text) if observed.how == "exception" else "",
    )


def _problem(job: TrialJob, observed: ObservedRun, value: float | None, *, broke: bool) -> str:
    if observed.missed:
        return f"{UNLAID}: {'; '.join(observed.missed)}"
    if observed.problem:
        return observed.problem
    if observed.how in ("exception", "interrupt") and not broke:
        return f"the run ended with {observed.text or observed.how}"
    unnamed = job.objective.source == "validation" and not job.objective.name  # of the base
    if value is None and not broke and not (unnamed and observed.held_out):
        return f"it gave no {job.objective.name}" + (f" ({observed.text})" if observed.text else "")
    return ""


def _trace(path: Path | None) -> Trace | None:
    try:
        return None if path is None else run_file.read(path)
    except Exception:  # the run counts without its recording too
        return None


def _diagnosed(
    trace: Trace | None,
) -> tuple[str, tuple[str, ...], dict[str, float], dict[str, float]]:
    if trace is None:
        return "", (), {}, {}
    diagnosis = diagnose(trace)
    loud = [f for f in diagnosis.findings if f.severity >= Severity.WARNING]
    noted = [f for f in diagnosis.findings if f.severity >= Severity.NOTE]
    symptoms = {f.key: float(f.evidence.value) for f in noted}
    chance = diagnosis.outcome.numbers.get("chance")
    level = {"chance": float(chance)} if isinstance(chance, int | float) else {}
    return diagnosis.outcome.name, tuple(f.key for f in loud), symptoms, level


def _costs(
    probe: LossProbe, losses: list[tuple[int, float]], seconds: float, trace: Trace | None
) -> dict[str, float]:
    costs: dict[str, float] = {}
    end = final_loss(losses)
    if end is not None:
        costs |= {"loss": end, "start": losses[0][1]}
    if probe.parameters:
        costs["parameters"] = float(probe.parameters)
    series = None if trace is None else trace.series("", "step_seconds")
    if series is not None and len(series):
        middle = sorted(float(x) for x in series.values if math.isfinite(x))
        costs["step_seconds"] = middle[len(middle) // 2] if middle else math.nan
    elif probe.steps:
        costs["step_seconds"] = seconds / probe.steps
    if trace is not None and any(turn.data.get("reaches") for turn in trace.facts_of("turn")):
        costs["opposed"] = 1.0
    if torch.cuda.is_initialized():
        costs["device"] = 1.0
    dead = [] if trace is None else _dead(trace)
    if dead:
        costs["dead_share"] = sum(dead) / len(dead)
    return costs


def _dead(trace: Trace) -> list[float]:
    """Return for every hidden site the share of units silent on the whole last window."""
    shares: list[float] = []
    for site in trace.sites_of("act", "hidden"):
        windows = trace.windows(site.name)
        active = windows[-1].fields.get("active") if windows else None
        if active is not None and len(active):
            shares.append(float((active == 0).mean()))
    return shares


def _memory() -> int:
    """Return the peak memory so far: of the device if one is used, else of the process."""
    if torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    if resource is None:
        return 0
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts in bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _sources(job: TrialJob) -> dict[str, str]:
    """Return the digests of the user's own files that were imported or run."""
    folders = {Path(job.program.cwd).resolve()}
    home = job.program.target.rpartition(":")[0] if job.program.call else job.program.target
    if Path(home).is_file():
        folders.add(Path(home).resolve().parent)
    files = {str(Path(home).resolve())} if Path(home).is_file() else set[str]()
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or "site-packages" in file or not file.endswith(".py"):
            continue
        path = Path(file)
        if path.is_absolute() and path.is_file():  # torch has modules with made-up names
            path = path.resolve()
            if any(path.is_relative_to(folder) for folder in folders) and not _installed(path):
                files.add(str(path))
    return {file: digest(file) for file in sorted(files)}


def _installed(path: Path) -> bool:
    own = Path(launch.__file__).resolve().parent
    return path.is_relative_to(own) or path.is_relative_to(sys.prefix)


def _read_output(output: Path) -> str:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    try:
        return output.read_text("utf-8", "replace")[-MOST_OUTPUT:]
    except OSError:
        return ""
