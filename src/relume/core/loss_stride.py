"""Says how far apart the losses of a run lie: the recorder reads by it, and rules judge by it."""

LOSSES = 1_024  # even points that a run of more steps has at least


def loss_stride(step: int) -> int:
    """Steps from one loss that is read to the next at this stage of a training.

    >>> loss_stride(2047), loss_stride(2048), loss_stride(1_000_000)
    (1, 2, 512)
    """
    return 1 << max(0, (step // LOSSES).bit_length() - 1)
