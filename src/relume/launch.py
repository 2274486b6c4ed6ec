"""Runs an unmodified script in this process, recorded, as if `python` ran it.

Trials do so, and a command that Python code calls; `relume run` on a command line gives the script
a process of its own (`supervise.py`).

The script is `__main__`; `sys.argv`, `sys.path[0]`, `__file__`, warnings, the exit code, what
`sys.exit` prints and the traceback of an uncaught exception are those of `python SCRIPT` (or
`python -m MODULE`). A failure of the recording is a remark at the end, never the script's error.
"""

import builtins
import contextlib
import importlib.machinery
import importlib.util
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, packages_distributions
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import TYPE_CHECKING

from relume.errors import UsageError
from relume.record.schedule.ranks import Rank, this_rank
from relume.record.store.new_path import FOLDER, new_path
from relume.registry import unknown

if TYPE_CHECKING:
    from relume.record.run import Run

_OWN_FOLDER = os.path.realpath(Path(__file__).parent) + os.sep


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """The result of a launched script.

    Attributes:
        path: the run file; None where recording could not start.
        code: the exit code that the script would have under `python`; minus a signal's number.
        how: how it ended: ``normal``, ``exit``, ``exception``, ``interrupt`` or ``killed``.
        notes: remarks on the recording, a sentence each.
        rank: which process of a distributed run this was; None where it trained alone.
    """

    path: Path | None
    code: int
    how: str
    notes: tuple[str, ...]
    rank: Rank | None = None

    @property
    def killer(self) -> str:
        """The name of the signal that ended it, such as SIGTERM; empty where none did."""
        if self.code >= 0:
            return ""
        try:
            return signal.Signals(-self.code).name
        except ValueError:
            return f"signal {-self.code}"

    @property
    def asked_to_end(self) -> bool:
        """Whether a person or a scheduler asked it to end, and it did."""
        return self.killer in ("SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM")


@dataclass(frozen=True, slots=True)
class _Program:
    """Compiled code and what its `__main__` module needs."""

    code: CodeType
    file: str
    argv0: str
    path0: str
    package: str | None
    spec: importlib.machinery.ModuleSpec | None


def missing_script(target: str, module: bool) -> str | None:
    """Return one sentence if there is no such script or module, else None."""
    if module:
        try:
            sys.path.insert(0, str(Path.cwd()))
            spec = importlib.util.find_spec(target)
        except (ImportError, ValueError):
            spec = None
        finally:
            sys.path.pop(0)
        if spec is None:
            return unknown(target, _top_level(), "module")
        return None
    path = Path(target)
    if path.is_dir():
        if (path / "__main__.py").is_file():
            return None
        return f"{target!r} is a folder without a __main__.py; a Python script was expected."
    if path.is_file():
        return None
    folder = path.parent if path.parent.is_dir() else Path()
    names = [str(folder / entry.name) for entry in folder.glob("*.py")]
    return unknown(target, names, "script").replace("known: none", "no Python file is there")


def _top_level() -> list[str]:
    try:
        return list(packages_distributions())
    except PackageNotFoundError:
        return []


def run(
    target: str,
    argv: Sequence[str],
    *,
    module: bool = False,
    budget: float = 0.01,
    every: int | None = None,
    exact: bool = False,
    folder: Path = FOLDER,
    sink: str | None = None,
    begun: Callable[[Path], None] = lambda _: None,
) -> LaunchResult:
    """Run a script or module to its end, recorded.

    Args:
        target: path of a script (or a folder or zip file with a `__main__.py`), or a module name.
        argv: the arguments after it, untouched.
        module: `target` is a module, as under ``python -m``.
        budget: share of wall time for recording, in (0, 1].
        every: record every so many steps instead.
        exact: record nothing that could change a bit (see `relume.watch`).
        folder: where the run file goes.
        sink: where the series go as well (see `relume.watch`).
        begun: is called with the run file once recording has begun, before the program runs.

    Returns:
        The result, once the program has ended in any way; its traceback is printed by then.

    Raises:
        UsageError: there is no such script or module, or the budget is invalid.
    """
    from relume.record.run import begin, check_schedule

    check_schedule(budget, every)
    problem = missing_script(target, module)
    if problem is not None:
        raise UsageError(problem)
    name = target if module else Path(target).resolve().stem
    about = {"script": target, "argv": list(argv), "module": module}
    program, failed = _prepare(target, module)
    if program is None:
        return LaunchResult(None, failed, "exception", ())
    path = new_path(folder.resolve(), name)
    recorded = begin(path, (), budget=budget, every=every, exact=exact, about=about, sink=sink)
    rank = this_rank()  # before the script can change the environment
    if recorded.path is not None:
        begun(recorded.path)
    how, code, text, error = _execute(program, argv)
    if how in ("normal", "exit"):
        recorded.time_acts()
    recorded.close(how, code, text, error)
    del error  # its frames hold the tensors of the failed step
    return LaunchResult(recorded.path, code, how, _remarks(recorded), rank)


def run_unrecorded(target: str, argv: Sequence[str], *, module: bool = False) -> LaunchResult:
    """Run a script or module to its end as `run` does, and record nothing.

    Returns:
        The result; `notes` holds the text of what ended it, if anything did.

    Raises:
        UsageError: there is no such script or module.
    """
    problem = missing_script(target, module)
    if problem is not None:
        raise UsageError(problem)
    program, failed = _prepare(target, module)
    if program is None:
        return LaunchResult(None, failed, "exception", ())
    how, code, text, _ = _execute(program, argv)
    return LaunchResult(None, code, how, (text,) if text else ())


def _remarks(recorded: "Run") -> tuple[str, ...]:
    return tuple(f"recording: {problem}" for problem in dict.fromkeys(recorded.problems))


def _prepare(target: str, module: bool) -> tuple[_Program | None, int]:
    """Find and compile the program; a syntax error is printed as `python` prints it."""
    try:
        return (_module(target) if module else _script(target)), 0
    except UsageError:
        raise
    except (SyntaxError, ValueError, OSError) as error:
        traceback.print_exception(type(error), error, None)
        return None, 1


def _script(target: str) -> _Program:
    path = Path(target)
    file = path / "__main__.py" if path.is_dir() else path
    # python makes the script's path absolute, and does not resolve links in it
    name = str(file) if path.is_dir() else str(Path.cwd() / target)
    code = compile(file.read_bytes(), name, "exec", dont_inherit=True)
    # ... but puts the script's own folder, links resolved, first on the path
    path0 = str(path.resolve()) if path.is_dir() else str(path.resolve().parent)
    return _Program(code, name, target, path0, None, None)


def _module(target: str) -> _Program:
    sys.path.insert(0, str(Path.cwd()))
    try:
        spec = importlib.util.find_spec(target)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{target}.__main__")
        loader = None if spec is None else spec.loader
        get_code: Callable[[str], CodeType | None] | None = getattr(loader, "get_code", None)
        code = get_code(spec.name) if spec is not None and get_code is not None else None
    finally:
        sys.path.pop(0)
    if spec is None or code is None:
        raise UsageError(
            f"module {target!r} cannot be run: it is a package without a __main__ module."
        )
    file = spec.origin or target
    return _Program(code, file, file, str(Path.cwd()), spec.parent, spec)


def _execute(program: _Program, argv: Sequence[str]) -> tuple[str, int, str, BaseException | None]:
    """Run the code as `__main__`.

    Returns:
        How it ended, its exit code, a text on it, and the exception that it did not catch.
    """
    main = ModuleType("__main__")
    main.__dict__.update(
        __file__=program.file,
        __builtins__=builtins,
        __package__=program.package,
        __spec__=program.spec,
        __loader__=None if program.spec is None else program.spec.loader,
    )
    if program.spec is None:
        main.__loader__ = importlib.machinery.SourceFileLoader("__main__", program.file)
    sys.modules["__main__"] = main
    sys.argv = [program.argv0, *argv]
    if not sys.flags.safe_path:
        sys.path[0:1] = [program.path0]
    try:
        exec(program.code, main.__dict__)
    except SystemExit as stop:
        return "exit", _exit_code(stop), f"sys.exit({stop.code!r})", None
    except KeyboardInterrupt as error:
        _print_traceback(error)
        return "interrupt", 128 + signal.SIGINT, "KeyboardInterrupt", None
    except BaseException as error:
        _print_traceback(error)
        return "exception", 1, f"{type(error).__name__}: {error}"[:500], error
    finally:
        _flush()
    return "normal", 0, "", None


def _exit_code(stop: SystemExit) -> int:
    """Return the process exit code that `sys.exit(x)` gives, and print its message on stderr."""
    if stop.code is None:
        return 0
    if isinstance(stop.code, int):
        return stop.code & 0xFF  # the operating system keeps one byte
    print(stop.code, file=sys.stderr)
    return 1


def _print_traceback(error: BaseException) -> None:
    """Print a traceback as `python` does, from the script's first frame, without own frames."""
    link: BaseException | None = error
    while link is not None:  # the exception, and those during which it was raised
        link.__traceback__ = without_own_frames(link.__traceback__)
        link = link.__cause__ or link.__context__
    hook = sys.excepthook
    try:
        hook(type(error), error, error.__traceback__)
    except Exception:
        traceback.print_exception(error)


def without_own_frames(trace: TracebackType | None) -> TracebackType | None:
    """Return the traceback without relume's own frames; demos count as scripts."""
    frames: list[TracebackType] = []
    while trace is not None:
        # links are followed: the virtual environment may be reached through one
        file = os.path.realpath(trace.tb_frame.f_code.co_filename)
        if not file.startswith(_OWN_FOLDER) or file.startswith(_OWN_FOLDER + "demos" + os.sep):
            frames.append(trace)
        trace = trace.tb_next
    shortened: TracebackType | None = None
    for frame in reversed(frames):
        shortened = TracebackType(shortened, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return shortened


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        # the script may have closed or replaced the stream
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
