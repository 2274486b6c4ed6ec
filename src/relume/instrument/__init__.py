"""Touches torch where torch has no door: its private names, its functions, its global state.

In: a function to wrap, a mode to remove, a module to name, a model to restore.
Out: the change, and its reverse; nothing stays in torch or in a model.

This room is the only one that names what torch keeps private, so a new version of torch is checked
here: `missing()` lists the names that are gone, and what no longer works without each. It knows no
act, recording or edit; `acts`, `record`, `fixes`, `checks` and `trial` use it.

Files in reading order:

    private_names.py    each private name of torch, looked up once; `missing`
    monkeypatch.py      `MonkeyPatch`: wraps a function; wrappers are removed in any order
    inserted_calls.py   `on_backward`: calls inside a function, without a frame on the stack
    grad_scaling.py     `GradScaling`: the factor of a gradient scaler, and a loss without it
    source_lines.py     `SourceLines`: lines of autograd nodes, behind the user's anomaly mode
    plain_traceback.py  `as_without_hooks`: a forward's traceback as it is without our hooks, modes
    mode_stack.py       `is_open`, `remove_mode`: a function mode in torch's stack
    replaced_call.py    `without_replacement`: what the user replaced in torch runs once
    force_eager.py      `ForceEager`: compiled models run eagerly for a while
    module_names.py     `holder_of`, `plain_path`: the names of models and their parts
    site_name.py        `SiteName`: the name of an act's call, written and read
    float64.py          `as_float64`: a tensor in float64, also from a device without that type
    preserve_state.py   `preserve_state`, `preserve_buffers`: a model and the random state

Example:

    def make(original):                       # gets the function that it wraps
        def backward(*args, **keywords):
            print("backward")
            return original(*args, **keywords)
        return backward

    patch = MonkeyPatch(torch.autograd, "backward", make)
    patch.install()
    loss.backward()                           # prints
    patch.remove()                            # torch is as it was
"""
