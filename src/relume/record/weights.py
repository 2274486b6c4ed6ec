"""Weights, their gradients, and how far an optimiser step really moved them."""

import torch
from torch import Tensor

from relume.record.names import Names
from relume.record.shards import local, sharded

MOST_ELEMENTS = 4_096  # of a parameter that are looked at: a norm of normal entries to 1.1 %


class Weights:
    """Snapshots around one optimiser step, over an even sample of every parameter.

    Norms are of the sample, scaled to the whole parameter. Ratios need no scale.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._unnamed: dict[int, str] = {}
        self._before: list[tuple[str, Tensor, Tensor, float]] = []
        self._broken: dict[str, None] = {}  # parameters whose gradient was not finite once
        self._shares: tuple[tuple[tuple[str, str], ...], Tensor] | None = None

    def snapshot(self, optimizer: torch.optim.Optimizer) -> None:
        """Keep the sampled weights as they are before the step."""
        self._before = []
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                held = local(parameter)
                if held is None:
                    continue
                name = self._name(parameter)
                sampled = _sample(held)
                scale = (parameter.numel() / max(sampled.numel(), 1)) ** 0.5
                self._before.append((name, held, sampled.clone(), scale))

    def named(self, optimizer: torch.optim.Optimizer) -> list[tuple[str, Tensor]]:
        """The optimiser's parameters with their names."""
        return [
            (self._name(parameter), parameter)
            for group in optimizer.param_groups
            for parameter in group["params"]
            if local(parameter) is not None
        ]

    def gradients(self, leaves: list[Tensor]) -> tuple[tuple[tuple[str, str], ...], Tensor] | None:
        """Norms of the gradients now in `.grad`, which is before any clipping."""
        every = [*leaves, *sharded(self._names.roots())]
        held = [(p, part) for p in every if (part := local(p.grad)) is not None]
        grads = [(self._name(p), part, p.numel()) for p, part in held if local(p) is not None]
        if not grads:
            return None
        sampled = [_sample(part) for _, part, _ in grads]
        scales = [
            (whole / max(s.numel(), 1)) ** 0.5
            for (*_, whole), s in zip(grads, sampled, strict=True)
        ]
        keys = tuple((name, "grad_norm") for name, *_ in grads)
        norms = _norms(sampled) * torch.tensor(scales, device=sampled[0].device)
        self._look_for_broken([name for name, *_ in grads], sampled, norms)
        return keys, norms

    def nonfinite(self) -> tuple[tuple[tuple[str, str], ...], Tensor] | None:
        """The share of each gradient that was not finite, from the first time that one was not.

        Of the last call of `gradients`; None as long as all of them were finite. On a CPU only:
        elsewhere asking would wait for the device, and the norm shows it as well.
        """
        return self._shares

    def _look_for_broken(self, names: list[str], sampled: list[Tensor], norms: Tensor) -> None:
        self._shares = None
        if not norms.is_cpu:
            return
        if not bool(torch.isfinite(norms).all()):
            of = dict(zip(names, norms.unbind(), strict=True))
            self._broken.update({n: None for n, norm in of.items() if not bool(norm.isfinite())})
        if self._broken:
            kept = [(n, s) for n, s in zip(names, sampled, strict=True) if n in self._broken]
            if kept:
                shares = [(~torch.isfinite(values)).float().mean() for _, values in kept]
                keys = tuple((name, "grad_nonfinite_share") for name, _ in kept)
                self._shares = (keys, torch.stack([share.cpu() for share in shares]))

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


def _sample(tensor: Tensor) -> Tensor:
    flat = tensor.detach().reshape(-1)
    step = -(-flat.numel() // MOST_ELEMENTS)
    return flat[::step] if step > 1 else flat


def _norms(tensors: list[Tensor]) -> Tensor:
    """L2 norms, (tensors,) in float32, on the device of the first."""
    device = tensors[0].device
    return torch.stack([norm.float().to(device) for norm in torch._foreach_norm(tensors)])
