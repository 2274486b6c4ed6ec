"""Sums over sampled rows of an attention, one number a head."""

from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_KEYS = 4  # that a row must see: of two or three an entropy says little
ATTENTION = ("attended", "entropy_sum", "first_sum", "logit_absmax")


@dataclass(slots=True)
class AttentionSample:
    """Sampled rows of one attention, each (examples, heads, positions, keys) in float32.

    Attributes:
        scores: what enters the softmax, without a bias or mask.
        weights: what comes out of it.
        visible: which keys a row may see.
    """

    scores: Tensor
    weights: Tensor
    visible: Tensor


def attention_sums(sample: AttentionSample) -> Tensor:
    """`ATTENTION` sums over rows: (4, heads), on the sample's device.

    A row's entropy is divided by the logarithm of the number of keys that it may see, so 1 is even
    attention and 0 is one key, with a mask or without. The first key is the first that it may see.
    """
    weights, visible = sample.weights, sample.visible
    keys = visible.sum(-1)
    entropy = -torch.xlogy(weights, weights).sum(-1) / keys.clamp(min=2).log()
    counted = (keys >= LEAST_KEYS) & entropy.isfinite()
    entropy = torch.where(counted, entropy, 0.0)
    at = visible.to(torch.uint8).argmax(-1, keepdim=True)
    first = torch.where(counted, weights.gather(-1, at).squeeze(-1), 0.0)
    size = torch.where(visible, sample.scores.abs(), 0.0).nan_to_num(0.0)
    over = (0, 2)  # examples and positions
    return torch.stack(
        (
            counted.sum(over).to(entropy.dtype),
            entropy.sum(over),
            first.sum(over),
            size.amax((0, 2, 3)),
        )
    )
