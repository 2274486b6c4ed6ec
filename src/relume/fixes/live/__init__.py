"""Applies edits to a live training: patches torch, tracks models, and undoes everything.

Comes in: actions that a fix registers with the session. Goes out: a changed run, and for each edit
the count of what it changed. Nothing stays in torch or in the model after `close`; an error in an
action ends its edit, never the run.

Read in this order:

- `edit_job.py`: `EditJob`, the counts, notes and errors of one edit.
- `session.py`: `EditSession`: `on_step`, `on_start`, `on_calls`, `override`, `undo`.
- `model_names.py`: `LiveModel`: the root of the called model, and its parts by recorded name.
- `call_handlers.py`: `FunctionCall` and the function mode that lets handlers answer calls.
- `forward_trace.py`: `trace_forward`: which layer feeds which act, from one forward on copies.
- `provenance.py`: tags the output of a softmax with its logits.
- `optimizer_state.py`: adds parameters to optimisers, resets the state of changed ones.
- `insert_modules.py`: adds and replaces modules.

Call chain: `apply.applied` -> `fix.apply(edit, session)` -> `session.on_step(before)` ->
`session.open()` -> the user's `optimizer.step()` -> `before(optimizer, count)` ->
`session.close()`."""
