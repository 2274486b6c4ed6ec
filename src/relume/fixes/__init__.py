"""Fixes: edits of a live training that may cure a finding, one file each.

Comes in: a `Finding` with its `Diagnosis` and `Trace` (what to try), and an `Edit` (what to apply),
both plain data of `core`. Goes out: a ladder of edits, a live run with edits applied, and a patch
of the user's source.

A fix is one file. Its docstring is its page (`relume explain lower-learning-rate`); its functions
are `propose` (edits for a finding), `apply` (registers actions with the session of a live run) and,
where it is simple, `patch` and `by_hand`. `registry.discover` finds it; nobody edits a list.

Read in this order:

- `base.py`: `Fix`, `FixPage` and the sections of a page.
- `ladder.py`: all fixes, and the ladder of a finding: its edits, first rung first.
- `apply.py`: `applied(edits)`, which applies edits to a training and undoes them.
- `patches.py`: `patches_of(edits, root)`, edits as a diff of the source.
- `write_patch.py`: writes a proven patch, and takes it back.
- `live/`: the session that patches torch, and tools for live models.
- `source/`: edits of source text with libcst.
- `shared/`: what several fixes use.
- `initialisation/`, `optimiser/`, `architecture/`, `data/`, `loss/`, `advice/`: the fixes.

Example::

    from relume.core.trial import Edit
    from relume.fixes.apply import applied

    with applied([Edit("lower-learning-rate", {"factor": 0.1})]) as session:
        train()
    print(session.done, session.missed)

`docs/extend/fix.md` adds a fix; `docs/fixes.md` has measured results.
"""
