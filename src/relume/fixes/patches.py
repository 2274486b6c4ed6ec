"""Writes edits into the user's source: a unified diff for `git apply`, and its reverse."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from relume.core.trial import Edit
from relume.fixes.ladder import fix_called
from relume.fixes.source.diff import Patch, Source


def libcst_missing() -> str:
    """Say in a sentence that libcst, which a patch needs, is missing; empty where it is not."""
    if find_spec("libcst") is not None:
        return ""
    return "a patch needs libcst, which is not installed: pip install 'relume[patch]'."


def patch_of(edit: Edit, root: Path, argv: Sequence[str] = ()) -> Patch | None:
    """Return the edit as a change of the file that it names; None where it has no simple form,
    or libcst is missing.

    Args:
        edit: with `file` and `line`.
        root: the folder to which the diff's paths are relative; a file outside of it gives None,
            as it is not the user's own.
        argv: the script's arguments in the run.
    """
    return _patch_in(edit, _source(edit, root, argv))


def patches_of(
    edits: Sequence[Edit], root: Path, argv: Sequence[str] = (), files: Iterable[str] = ()
) -> tuple[Patch, ...]:
    """Return edits that are applied together as one change of each file; empty where one of them
    has no simple form.

    Args:
        edits: applied together.
        root: as for `patch_of`.
        argv: as for `patch_of`.
        files: the user's files that the run used: an edit that cannot be written into the file that
            it names is tried in these.
    """
    changed: dict[str, Patch] = {}
    # from the last line up: the lines that the others name do not move
    for edit in sorted(edits, key=lambda each: -each.line):
        for file in dict.fromkeys((edit.file, *files)):
            at = edit if file == edit.file else replace(edit, file=file, line=0)
            source = _source(at, root, argv)
            if source is not None and source.relative in changed:
                source = replace(source, text=changed[source.relative].after)
            made = _patch_in(at, source)
            if made is not None:
                whole = changed.get(made.file, made)
                changed[made.file] = replace(made, before=whole.before)
                break
        else:
            return ()
    return tuple(changed.values())


def _patch_in(edit: Edit, source: Source | None) -> Patch | None:
    fix = fix_called(edit.fix)
    patch = None if fix.patch is None or source is None else fix.patch(edit, source)
    return None if patch is None or patch.before == patch.after else patch


def manual_instructions(edit: Edit, root: Path, argv: Sequence[str] = ()) -> str:
    """Say in a sentence what to do where an edit has no patch; empty where that is not known."""
    if missing := libcst_missing():  # whether there is a simple patch is not known without it
        return f"make the change by hand, as `relume explain {edit.fix}` says; {missing}"
    fix, source = fix_called(edit.fix), _source(edit, root, argv)
    return "" if fix.by_hand is None or source is None else fix.by_hand(edit, source)


def _source(edit: Edit, root: Path, argv: Sequence[str]) -> Source | None:
    path = Path(edit.file)
    if not edit.file or not path.is_file() or libcst_missing():
        return None
    try:
        relative = path.resolve().relative_to(root.resolve()).as_posix()
        # not `read_text`: it would turn "\r\n" into "\n", and the reverse would not restore it
        text = path.read_bytes().decode("utf-8")
    except ValueError:  # outside of the root, or no UTF-8
        return None
    return Source(path, relative, text, edit.line, tuple(argv))
