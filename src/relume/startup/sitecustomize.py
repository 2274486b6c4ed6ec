"""Python imports this file when it starts under `relume run`; the recording begins with torch.

A process that a trial's run has started imports it too, and enters the run's file layer.

Python looks for a module of this name on every start. `supervise.py` puts this folder first on the
search path of the script's process, so this file is found, restores the environment and the path,
hands over to the `sitecustomize` that the machine has, and leaves one finder that waits for the
script's import of torch. Nothing but `sys` and `os` is loaded until then, and both are already.
"""

import os
import sys

TYPE_CHECKING = False  # `typing` is not loaded yet
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, ModuleType
    from typing import Any

PLAN = "RELUME_PLAN"  # JSON, made by `supervise._plan`
SEARCH_PATH = "RELUME_PYTHONPATH"  # the value that PYTHONPATH had, if any
HIDDEN = "RELUME_HIDDEN_"  # begins the variables that Python was not to see (`python -E`)
NOTES = "-notes"  # ends the name of a file beside the run file: what went wrong, for the report
LAYER = "RELUME_LAYER"  # set by `relume.trial.runner.file_sandbox`, for all that descend from a run


class _BeforeTorch:
    """Finds nothing, and calls a function once torch has been imported.

    Args:
        begin: the function.
    """

    def __init__(self, begin: "Callable[[], None]") -> None:
        self._begin = begin

    def find_spec(self, name: str, path: "Any" = None, target: "Any" = None) -> "Any":
        """Return None, except for torch: its own spec, whose loader tells when it is done."""
        if name != "torch":
            return None
        later = sys.meta_path[sys.meta_path.index(self) + 1 :]  # the others were asked already
        sys.meta_path.remove(self)
        specs = (each.find_spec(name, path, target) for each in later)
        spec = next((each for each in specs if each is not None), None)
        loader = None if spec is None else spec.loader
        if spec is None or loader is None or not hasattr(loader, "exec_module"):
            sys.meta_path.insert(0, self)
            return None

        def exec_module(module: "ModuleType") -> None:
            del loader.exec_module  # the loader is the user's again
            try:
                type(loader).exec_module(loader, module)
            except BaseException:
                sys.meta_path.insert(0, self)  # the script may catch this, and try again
                raise
            self._begin()

        exec_module.__code__ = _unseen(exec_module.__code__)
        loader.exec_module = exec_module
        return spec


def _begin(plan: str, path: list[str]) -> None:
    """Begin the recording.

    Args:
        plan: the recording's plan, as JSON.
        path: the search path without the script's folder.
    """
    users = sys.path
    before = set(sys.modules)
    sys.path = path
    try:
        from relume.startup.record_script import begin

        begin(plan, _leave_notes)
    except Exception as error:  # the script goes on without a recording
        _leave_notes(plan, [f"{type(error).__name__}: {error}"])
    finally:
        sys.path = users
        _give_back(before, users)


def _unseen(code: "CodeType") -> "CodeType":
    """Give the code the name that Python leaves out of a traceback: its own import machinery."""
    return code.replace(
        co_filename="<frozen importlib._bootstrap>", co_name="_call_with_frames_removed"
    )


def _leave_notes(plan: str, words: "list[str]") -> None:
    """Write what went wrong beside the run file, for the report; a script's end is near."""
    try:
        import json

        with open(json.loads(plan)["path"] + NOTES, "w") as file:  # noqa: PTH123
            json.dump(words, file)
    except Exception:
        return


def _give_back(before: set[str], path: list[str]) -> None:
    """Forget modules whose name means another file on the user's search path.

    The recorder's modules keep what they imported; the user's `import json` finds `json.py` of
    their own folder, as under `python`.
    """
    find = sys.modules["_frozen_importlib_external"].PathFinder.find_spec
    names = {name.partition(".")[0] for name in set(sys.modules) - before}
    for name in names - {"relume"}:
        loaded = getattr(sys.modules.get(name), "__spec__", None)
        if loaded is None or not loaded.has_location or name in before:
            continue
        theirs = find(name, path)
        if theirs is not None and theirs.origin != loaded.origin:
            for part in [key for key in sys.modules if key == name or key.startswith(name + ".")]:
                del sys.modules[part]


def _restore() -> None:
    """Put the environment and the search path back to what `python` would have."""
    _leave_path()
    before = os.environ.pop(SEARCH_PATH, None)
    if before is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = before
    for name in [name for name in os.environ if name.startswith(HIDDEN)]:
        os.environ[name.removeprefix(HIDDEN)] = os.environ.pop(name)


def _leave_path() -> None:
    """Take this folder out of the search path."""
    own = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib is not loaded
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != own]  # noqa: PTH100
    sys.path_importer_cache.pop(own, None)


def _recorders_path() -> list[str]:
    """Return the search path on which the recorder finds its own modules.

    What the script's folder holds comes last, so that a `sqlite3.py` there is not the recorder's.
    """
    searched = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    theirs = {os.path.abspath(entry) for entry in searched if entry}  # noqa: PTH100
    home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
    others = [entry for entry in sys.path if entry not in theirs]
    if home not in others:
        others.insert(0, home)
    return [*others, *(entry for entry in sys.path if entry in theirs and entry != home)]


def _start(plan: str) -> None:
    _restore()
    path = _recorders_path()
    sys.meta_path.insert(0, _BeforeTorch(lambda: _begin(plan, path)))


def _enter(layer: str) -> None:
    """Write into the file layer of the trial's run that has started this process."""
    _leave_path()
    before, users = set(sys.modules), sys.path
    sys.path = _recorders_path()
    try:
        from relume.trial.runner.file_sandbox import enter

        sys.meta_path.insert(0, _BeforeTorch(enter(layer)))
    finally:
        sys.path = users
        _give_back(before, users)


def _hand_over() -> None:
    """Import the machine's own module of the name, as if this file were not there.

    Where there is none, the import raises, as Python expects.
    """
    del sys.modules[__name__]
    import sitecustomize  # noqa: F401  # pyright: ignore


_plan, _layer = os.environ.pop(PLAN, None), os.environ.get(LAYER)
if _plan is not None:
    _start(_plan)
elif _layer is not None:
    _enter(_layer)
if _plan is not None or _layer is not None:
    _hand_over()
