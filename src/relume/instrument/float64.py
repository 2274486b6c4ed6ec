"""Converts a tensor to float64 on any device."""

from torch import Tensor


def as_float64(tensor: Tensor) -> Tensor:
    """Return the tensor in float64: on its device, or on the CPU where the device has no such type.

    Apple's MPS has none and raises.
    """
    return (tensor.cpu() if tensor.device.type == "mps" else tensor).double()
