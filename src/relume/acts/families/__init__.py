"""The acts, one file a family: each act is a registered function with its module class below it.

- `sigmoids.py`: S-shaped acts and the ramps that are their integrals.
- `piecewise.py`: acts of straight or square pieces: ReLU, leaky ReLU, hardtanh, hardswish.
- `thresholds.py`: clamp, maximum, threshold and the shrinkages.
- `exponential.py`: ELU, SELU, CELU.
- `smooth.py`: GELU, SiLU, Mish: z times a squashed z.
- `bounded.py`: softcap, erf, Laplace's, a clipped GELU.
- `periodic.py`: waves and bells of implicit representations.
- `variants.py`: squared leaky ReLU, Smooth-Leaky, the square root of a softplus.
- `learnable.py`: acts with learned parameters: PReLU, swish, snake, StarReLU, xIELU.
- `gated.py`: GLU and its relatives, and the layer `GatedLinear`.
- `gated_limits.py`: bilinear, clamped and soft-limited gated units, PowLU, CReLU.
- `normless.py`: dynamic tanh and erf in place of a norm layer; PolyReLU and PolyNorm.
- `sparse_codes.py`: TopK, BatchTopK, JumpReLU with their training gradients.
- `sparse_softmax.py`: sparsemax, 1.5-entmax, a softmax with a sink.
- `surrogates.py`: sign, step and spikes with a declared training slope.
- `maxout.py`, `maxout_layers.py`: the largest of several pieces, and its layers.
- `output_layer.py`: softmax, log-softmax, identity.
- `lean.py`: a leaky ReLU that saves less for backward, and `bytes_for_backward`.

An act is found by discovery; no list names it::

    @register(formula="max(0, z)", slope=step, native=functional.relu)
    def relu(z): ...

    class ReLU(ActModule, act=relu): ...
"""
