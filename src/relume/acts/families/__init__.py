"""The acts, one file a family: each act is a registered function with its module class below it.

- `sigmoids.py`: S-shaped acts and the ramps that are their integrals.
- `piecewise.py`: acts of straight or square pieces: ReLU, leaky ReLU, hardtanh, hardswish.
- `thresholds.py`: clamp, maximum, threshold and the shrinkages.
- `exponential.py`: ELU, SELU, CELU.
- `smooth.py`: GELU, SiLU, Mish: z times a squashed z.
- `learnable.py`: acts with learned parameters: PReLU, swish, snake, StarReLU, xIELU.
- `gated.py`: GLU and its relatives, and the layer `GatedLinear`.
- `maxout.py`, `maxout_layers.py`: the largest of several pieces, and its layers.
- `output_layer.py`: softmax, log-softmax, identity.
- `lean.py`: a leaky ReLU that saves less for backward, and `bytes_for_backward`.

An act is found by discovery; no list names it::

    @register(formula="max(0, z)", slope=step, native=functional.relu)
    def relu(z): ...

    class ReLU(ActModule, act=relu): ...
"""
