"""Reads the memory of a tensor with NumPy and leaves no trace on the tensor.

``tensor.numpy()`` marks the tensor's storage for good: the user could no longer resize it. An array
over the same address does not, and takes a third of the time.
"""

from ctypes import c_char
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from relume.record.measure.dtensor import PLAIN

# Longer than any memory: NumPy checks that an array lies within it. Nothing of it is allocated.
_Memory: Any = c_char * 2**60

DTYPES = {
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
    torch.float16: np.dtype(np.float16),
    torch.int64: np.dtype(np.int64),
    torch.int32: np.dtype(np.int32),
    torch.int16: np.dtype(np.int16),
    torch.int8: np.dtype(np.int8),
    torch.uint8: np.dtype(np.uint8),
    torch.bool: np.dtype(np.bool_),
}


def readable(tensor: Tensor) -> bool:
    """Whether `array` can view a tensor: dense, in the host's memory, of one of `DTYPES`."""
    return (
        type(tensor) in PLAIN
        and tensor.is_cpu
        and tensor.dtype in DTYPES
        and tensor.layout == torch.strided
        and not tensor.is_neg()
        and (tensor.data_ptr() != 0 or tensor.numel() == 0)
    )


def unowned(tensor: Tensor) -> Tensor:
    """View a contiguous tensor in the host's memory as a flat one that does not keep it alive.

    Read the view only while something else does.
    """
    memory = _Memory.from_address(tensor.data_ptr())
    return torch.frombuffer(memory, dtype=tensor.dtype, count=tensor.numel())


def array(tensor: Tensor) -> NDArray[Any]:
    """View a `readable` tensor as a read-only array of the same shape, over the same memory.

    The array keeps the tensor alive.
    """
    memory = _Memory.from_address(tensor.data_ptr())
    memory.tensor = tensor
    dtype = DTYPES[tensor.dtype]
    if tensor.is_contiguous():
        view: NDArray[Any] = np.ndarray(tensor.shape, dtype, memory)
    else:
        strides = [dtype.itemsize * stride for stride in tensor.stride()]
        view = np.ndarray(tensor.shape, dtype, memory, 0, strides)
    view.flags.writeable = False
    return view


def array_of(tensor: Tensor) -> NDArray[Any]:
    """A tensor on any device as an array: a view where it is `readable`, else a copy."""
    if readable(tensor):
        return array(tensor)
    copy = tensor.detach().to("cpu", copy=True).resolve_neg()
    return (copy.float() if copy.dtype == torch.bfloat16 else copy).numpy()
