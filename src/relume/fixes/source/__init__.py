"""Edits the user's source: formatting and comments stay, and the reverse restores every byte.

Comes in: a `Source` (path, text, line, arguments) and what to change. Goes out: a `Patch`, or None
where the source is not simple enough. libcst is optional; only `edit_source.py` and
`optimizer_argument.py` import it, so fixes import those two inside functions.

- `diff.py`: `Source`, `Patch` and its unified diff.
- `edit_source.py`: replaces acts, removes acts, inserts lines before the step or after the model.
- `optimizer_argument.py`: scales a number that the one optimiser gets, wherever it is set.

Call chain: `patches.patch_of(edit, root)` -> `fix.patch(edit, source)` ->
`edit_source.change_source(text, kinds, change)` -> `Patch(file, before, after).diff()`.
"""
