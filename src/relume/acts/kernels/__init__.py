"""Arithmetic under the acts: stable formulas, and CPU kernels that beat torch.

- `stable_math.py`: formulas shared by acts, sound at every magnitude; tensors in, tensors out.
- `blocks.py`: when a kernel may run, and how a tensor is cut into blocks that fit the cache.
- `fused_cpu.py`: Mish, and PReLU's backward, over such blocks.

    >>> import torch
    >>> from relume.acts.kernels.stable_math import logistic
    >>> logistic(torch.tensor(-1000.0)).item()
    0.0
"""
