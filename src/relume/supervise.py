"""Runs a script under `python` in a process of its own, recorded, and waits for it.

The script's process is `python SCRIPT ARGS` (or `python -m MODULE ARGS`) with the interpreter's own
flags; what relume adds to it is in `startup/`. So `__main__`, tracebacks, exit codes, signals,
`atexit`, threads and children are Python's own. This process holds the terminal with it: it passes
on the signals that it is sent, waits, completes the run file, and knows how the script ended, also
where it was killed.
"""

import importlib.metadata
import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from relume.errors import StoreError
from relume.launch import LaunchResult
from relume.record.schedule.ranks import this_rank
from relume.startup import sitecustomize

_SENT = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM")
SIGNALS = frozenset(getattr(signal, name) for name in _SENT if hasattr(signal, name))
"""Signals that people and schedulers send to a training; they are passed on to the script."""

PAUSE = 1.0
"""Seconds between two looks into a run file; the recorder writes twice a second."""
_SI_KERNEL = 0x80  # the terminal has sent it, to the script as well (Linux: asm-generic/siginfo.h)
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG (linux/prctl.h)


def run(
    target: str,
    argv: Sequence[str],
    *,
    path: Path,
    module: bool = False,
    look: Callable[[], None] | None = None,
    **schedule: Any,
) -> LaunchResult:
    """Run a script or module to its end in a process of its own, recorded.

    Args:
        target: path of a script (or a folder or zip file with a `__main__.py`), or a module name.
        argv: the arguments after it, untouched.
        path: the run file, which exists and is empty.
        module: `target` is a module, as under ``python -m``.
        look: called every `PAUSE` seconds while the script runs, where signals can be waited for.
        schedule: `budget`, `every`, `exact` and `sink`, as `relume.watch` takes them.

    Returns:
        The result; a negative code is the signal that ended the script.
    """
    about = {"script": target, "module": module}
    plan = json.dumps({"path": str(path), "about": about, "parent": os.getppid(), **schedule})
    command = [sys.executable, *_interpreter_flags(), *(["-m"] if module else []), target, *argv]
    existed = path.exists()
    code = _wait(command, _environment(plan), look)
    return _completed(path, existed, {**about, "argv": list(argv)}, code)


def _interpreter_flags() -> list[str]:
    """Return the flags that Python was started with, without what it was started for."""
    words = len(sys.argv) - 1
    if words and sys.orig_argv[-words:] != sys.argv[1:]:
        return []  # another program has called `main`
    flags = sys.orig_argv[1 : len(sys.orig_argv) - words]
    if flags and not flags[-1].startswith("-"):
        flags.pop()  # the script that is this command, or the word after -m
    if flags and _short(flags[-1]):
        flags[-1] = flags[-1].partition("m")[0]
    flags = [flag for flag in flags if flag != "-"]
    if not sys.flags.ignore_environment:
        return flags
    # The recording begins by PYTHONPATH, which -E and -I refuse; the other variables are hidden.
    allowed = [flag.replace("E", "").replace("I", "Ps") if _short(flag) else flag for flag in flags]
    return [flag for flag in allowed if flag != "-"]


def _short(flag: str) -> bool:
    return flag.startswith("-") and flag[1:].isalpha() and flag[1:2] not in "XW"


def _environment(plan: str) -> dict[str, str]:
    environment = dict(os.environ)
    if sys.flags.ignore_environment:
        for name in [name for name in environment if name.startswith("PYTHON")]:
            environment[sitecustomize.HIDDEN + name] = environment.pop(name)
    folder = str(Path(sitecustomize.__file__).parent)
    searched = environment.get("PYTHONPATH")
    if searched is not None:
        environment[sitecustomize.SEARCH_PATH] = searched
    environment["PYTHONPATH"] = os.pathsep.join([folder, searched] if searched else [folder])
    environment[sitecustomize.PLAN] = plan
    return environment


def _wait(
    command: Sequence[str], environment: dict[str, str], look: Callable[[], None] | None = None
) -> int:
    """Start the process and return its exit code, or minus the signal that ended it."""
    if not hasattr(signal, "sigwaitinfo"):  # Windows and macOS
        return _wait_plainly(command, environment)
    ignored = signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN
    if ignored:  # an exit code would be lost
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*SIGNALS, signal.SIGCHLD})
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            close_fds=False,
            preexec_fn=_as_before(before, ignored),  # noqa: PLW1509 - this process has one thread
        )
        while process.poll() is None:
            sent = _next_signal(look)
            if sent is None:
                continue
            if sent.si_signo != signal.SIGCHLD and sent.si_code != _SI_KERNEL:
                process.send_signal(sent.si_signo)
        return process.returncode
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _next_signal(look: Callable[[], None] | None) -> Any:
    """Wait for a signal; with `look` for a pause at most, then look and return None."""
    if look is None:
        return signal.sigwaitinfo({*SIGNALS, signal.SIGCHLD})
    sent = signal.sigtimedwait({*SIGNALS, signal.SIGCHLD}, PAUSE)
    if sent is None:
        look()
    return sent


def _as_before(mask: set[Any], ignored: bool) -> Callable[[], None]:
    """Return what the child does before it becomes the script: signals as `python` finds them."""
    die_with_parent: Callable[[], object] = int
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError, AttributeError):
            prctl = ctypes.CDLL(None).prctl
            kill = int(signal.SIGKILL)

            def die_with_parent() -> object:
                return prctl(_DIE_WITH_PARENT, kill, 0, 0, 0)

    def prepare() -> None:
        die_with_parent()
        if ignored:
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    return prepare


def _wait_plainly(command: Sequence[str], environment: dict[str, str]) -> int:
    """Wait where signals cannot be waited for; Ctrl-C reaches both processes by itself."""
    signals = [one for one in SIGNALS if signal.getsignal(one) != signal.SIG_IGN]
    process = subprocess.Popen(command, env=environment, close_fds=False)

    def pass_on(number: int, _frame: object) -> None:
        if number != signal.SIGINT or not sys.stdin.isatty():
            process.send_signal(number)

    before = {one: signal.signal(one, pass_on) for one in signals}
    try:
        return process.wait()
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _completed(path: Path, existed: bool, about: dict[str, Any], code: int) -> LaunchResult:
    """Write into the run file what only the supervisor knows, and return the result."""
    from relume.record.store.late_end import complete

    how = "normal"
    if code < 0:
        how = "interrupt" if code == -signal.SIGINT else "killed"
    elif code:
        how = "exit"
    result = LaunchResult(path, code, how, _notes(path), this_rank())
    end = {"how": how, "code": code if code >= 0 else 128 - code, "text": result.killer}
    meta = {**about, "torch": _torch_version(), "python": platform.python_version()}
    try:
        if existed and not path.exists():
            raise StoreError(f"the run file {path} was deleted or moved while the script ran.")
        return replace(result, how=complete(path, end, meta))
    except StoreError as error:
        notes = result.notes or (f"recording: {error}",)
        return replace(result, path=None, notes=notes)


def _notes(path: Path) -> tuple[str, ...]:
    file = path.with_name(path.name + sitecustomize.NOTES)
    try:
        words = json.loads(file.read_text(encoding="utf-8"))
        file.unlink()
    except (OSError, ValueError):
        return ()
    return tuple(f"recording: {word}" for word in words)


def _torch_version() -> str:
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return ""


def die_of(number: int) -> None:
    """End this process by the signal that ended the script, so that a shell sees the same."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the script has left its core already
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    with suppress(OSError, ValueError):  # SIGKILL has no handler
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
