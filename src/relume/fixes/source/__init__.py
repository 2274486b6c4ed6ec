"""Edits the user's source: formatting and comments stay, and the reverse restores every byte.

Comes in: a `Source` (path, text, line, arguments) and what to change. Goes out: a `Patch`, or None
where the source is not simple enough. libcst is optional; all files but `diff.py` import it, so
fixes import them inside functions.

- `diff.py`: `Source`, `Patch` and its unified diff.
- `code.py`: a parsed file in which every name is resolved through imports and assignments.
- `setup_blocks.py`: blocks of statements before or after the optimiser is made, or before its step.
- `act_calls.py`: another act, none, another axis; the calls of criteria.
- `first_batch.py`: hooks that change layers by the data of the first batch.
- `operand_calls.py`: a call of torch on one operand, written another way.
- `optimizer_argument.py`: scales a number that the optimiser gets, or makes another optimiser.

Call chain: `patches.patches_of(edits, root)` -> `fix.patch(edit, source)` ->
`setup_blocks.before_optimiser(source, block)` -> `Code.replaced(changes)` -> `Patch.diff()`.
Nothing here proves a patch: `trial/prove_patch.py` runs it before anybody sees it.
"""
