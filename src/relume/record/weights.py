"""Weights, their gradients, and how far an optimiser step really moved them."""

import torch
from torch import Tensor

from relume.record.names import Names

MOST_ELEMENTS = 4_096  # of a parameter that are looked at: a norm of normal entries to 1.1 %


class Weights:
    """Snapshots around one optimiser step, over an even sample of every parameter.

    Norms are of the sample, scaled to the whole parameter. Ratios need no scale.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._unnamed: dict[int, str] = {}
        self._before: list[tuple[str, Tensor, Tensor, float]] = []

    def snapshot(self, optimizer: torch.optim.Optimizer) -> None:
        """Keep the sampled weights as they are before the step."""
        self._before = []
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if not _plain(parameter):
                    continue
                name = self._name(parameter)
                sampled = _sample(parameter)
                scale = (parameter.numel() / max(sampled.numel(), 1)) ** 0.5
                self._before.append((name, parameter, sampled.clone(), scale))

    def named(self, optimizer: torch.optim.Optimizer) -> list[tuple[str, Tensor]]:
        """The optimiser's parameters with their names."""
        return [
            (self._name(parameter), parameter)
            for group in optimizer.param_groups
            for parameter in group["params"]
            if _plain(parameter)
        ]

    def gradients(self, leaves: list[Tensor]) -> tuple[tuple[tuple[str, str], ...], Tensor] | None:
        """Norms of the gradients now in `.grad`, which is before any clipping."""
        grads = [(self._name(p), p.grad) for p in leaves if _plain(p) and _plain(p.grad)]
        if not grads:
            return None
        sampled = [_sample(grad) for _, grad in grads if grad is not None]
        scales = [
            (grad.numel() / max(s.numel(), 1)) ** 0.5
            for (_, grad), s in zip(grads, sampled, strict=True)
            if grad is not None
        ]
        keys = tuple((name, "grad_norm") for name, _ in grads)
        return keys, _norms(sampled) * torch.tensor(scales, device=sampled[0].device)

    def moved(self) -> tuple[tuple[tuple[str, str], ...], Tensor] | None:
        """Weight norms before the step, and update ratios after it."""
        kept = [entry for entry in self._before if entry[1].numel() > 0]
        self._before = []
        if not kept:
            return None
        before = [sampled for _, _, sampled, _ in kept]
        after = [_sample(parameter) for _, parameter, _, _ in kept]
        sizes = _norms(before)
        ratios = _norms(list(torch._foreach_sub(after, before))) / sizes
        scales = torch.tensor([scale for *_, scale in kept], device=sizes.device)
        keys = tuple((name, "weight_norm") for name, *_ in kept)
        keys += tuple((name, "update_ratio") for name, *_ in kept)
        return keys, torch.cat((sizes * scales, ratios))

    def _name(self, parameter: Tensor) -> str:
        name = self._names.parameter(parameter)
        if name is not None:
            return name
        return self._unnamed.setdefault(id(parameter), f"parameter_{len(self._unnamed)}")


def _plain(tensor: Tensor | None) -> bool:
    """A dense, real, floating tensor with storage: not sparse, not sharded, not meta."""
    return (
        tensor is not None
        and tensor.layout == torch.strided
        and tensor.is_floating_point()
        and type(tensor) in (Tensor, torch.nn.Parameter)
        and tensor.device.type != "meta"
    )


def _sample(tensor: Tensor) -> Tensor:
    flat = tensor.detach().reshape(-1)
    step = -(-flat.numel() // MOST_ELEMENTS)
    return flat[::step] if step > 1 else flat


def _norms(tensors: list[Tensor]) -> Tensor:
    """L2 norms, (tensors,) in float32, on the device of the first."""
    device = tensors[0].device
    return torch.stack([norm.float().to(device) for norm in torch._foreach_norm(tensors)])
