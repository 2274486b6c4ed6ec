"""Installs wrappers in torch and sets its global state, and restores both.

In: a listener (the `Recorder`) that handles `backward`, gradient scaling and optimiser steps.
Out: its methods are called; after `close` torch is as it was, also if other code has wrapped the
same functions in between.

Files in reading order:

    backward_hooks.py     `BackwardPatches`: wraps `backward`, `compile` and the gradient scaler
    keras_optimizers.py   `KerasSteps`: wraps the optimisers of Keras on torch
    torch_state.py        `untraced`, `IgnoreWarning`: global state, set and restored
    child_time.py         `children_seconds`: how long child processes have worked
    fork_guard.py         a forked child abandons the recorders of its parent

Example:

    patches = BackwardPatches(listener)   # the listener is held weakly
    patches.open()                        # listener.before_backward(loss) before each backward
    patches.pause_backward()              # for skipped steps: `backward` is torch's own again
    patches.resume_backward()
    patches.close()
"""
