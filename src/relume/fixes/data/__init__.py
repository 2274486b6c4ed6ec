"""Fixes of the inputs: `standardise_inputs` and `fold_input_mean`.

Both put a forward hook in front of each layer that the data enters; `live/forward_trace.py` says
which layers these are (`ForwardTrace.inputs`).
"""
