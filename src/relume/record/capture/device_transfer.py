"""Copies numbers from the device to the host without waiting for it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]


class DeviceTransfer:
    """Copies device numbers to the host without waiting for the device.

    On CUDA the copy is queued behind the running work and goes into pinned memory; an event
    reports its arrival. On other devices the copy is complete at once.
    """

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._sizes = [tensor.numel() for tensor in tensors]
        groups: dict[torch.device, list[int]] = {}
        for index, tensor in enumerate(tensors):
            groups.setdefault(tensor.device, []).append(index)
        self._parts: list[tuple[list[int], Tensor, Any]] = []
        for device, members in groups.items():
            flat = torch.cat([tensors[i].detach().reshape(-1) for i in members])
            event = None
            if device.type == "cuda":
                flat = flat.to("cpu", non_blocking=True)
                event = torch.cuda.Event()
                event.record(torch.cuda.current_stream(device))
            self._parts.append((members, flat, event))

    def ready(self) -> bool:
        """Whether the numbers have arrived, so that `read` does not wait."""
        return all(event is None or event.query() for _, _, event in self._parts)

    def read(self) -> list[Floats]:
        """Return one flat float64 array for each tensor, in the order of `tensors`."""
        arrays: list[Floats] = [np.empty(0)] * len(self._sizes)
        for members, flat, event in self._parts:
            if event is not None:
                event.synchronize()
            host = flat.cpu().double().numpy()
            start = 0
            for index in members:
                arrays[index] = host[start : start + self._sizes[index]]
                start += self._sizes[index]
        return arrays
