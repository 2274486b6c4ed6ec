"""An edit in the user's source: a unified diff that `git apply` takes, and its reverse."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from relume.core.trial import Edit
from relume.fixes.ladder import fix_called
from relume.fixes.source.diff import Patch, Source


def libcst_missing() -> str:
    """What is not installed here that a patch needs, as a sentence; empty where nothing is."""
    if find_spec("libcst") is not None:
        return ""
    return "a patch needs libcst, which is not installed: pip install 'relume[patch]'."


def patch_of(edit: Edit, root: Path, argv: Sequence[str] = ()) -> Patch | None:
    """The edit as a change of the file that it names, or None where it has no simple form, or
    something is `lacking`.

    Args:
        edit: with `file` and `line`.
        root: the folder against which the diff's paths are written; a file outside of it gives
            None: it is not the user's own.
        argv: with which the script was run.
    """
    fix, source = fix_called(edit.fix), _source(edit, root, argv)
    found = None if fix.patch is None or source is None else fix.patch(edit, source)
    return None if found is None or found.before == found.after else found


def words_of(edit: Edit, root: Path, argv: Sequence[str] = ()) -> str:
    """What to do where an edit has no patch, as a sentence; empty where that is not known."""
    if missing := libcst_missing():  # whether there is a simple patch is not known without it
        return f"make the change by hand, as `relume explain {edit.fix}` says; {missing}"
    fix, source = fix_called(edit.fix), _source(edit, root, argv)
    return "" if fix.by_hand is None or source is None else fix.by_hand(edit, source)


def _source(edit: Edit, root: Path, argv: Sequence[str]) -> Source | None:
    path = Path(edit.file)
    if not edit.file or not path.is_file() or libcst_missing():
        return None
    try:
        shown = path.resolve().relative_to(root.resolve()).as_posix()
        # not `read_text`: it would turn "\r\n" into "\n", and the reverse would not restore it
        text = path.read_bytes().decode("utf-8")
    except ValueError:  # outside of the root, or no UTF-8
        return None
    return Source(path, shown, text, edit.line, tuple(argv))
