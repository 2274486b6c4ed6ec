"""Weights, their gradients, and how far an optimiser step really moved them."""

import torch
from torch import Tensor
from torch.optim.optimizer import Optimizer

from relume.record.names import Names
from relume.record.turning import Turning

Scalars = tuple[tuple[tuple[str, str], ...], Tensor]

MOST_ELEMENTS = 4_096  # of a parameter that are looked at: a norm of normal entries to 1.1 %


class Weights:
    """Snapshots around one optimiser step, over an even sample of every parameter.

    Norms are of the sample, scaled to the whole parameter. Ratios need no scale.

    Args:
        names: of parameters.

    Attributes:
        turning: follows the updates of some steps by one step more.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._unnamed: dict[int, str] = {}
        self._before: list[tuple[str, Tensor, Tensor, float]] = []
        self._broken: dict[str, None] = {}  # parameters whose gradient was not finite once
        self._shares: Scalars | None = None
        self.turning = Turning(_sample)

    def snapshot(self, optimizer: Optimizer) -> None:
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

    def named(self, optimizer: Optimizer) -> list[tuple[str, Tensor]]:
        """The optimiser's parameters with their names."""
        return [
            (self._name(parameter), parameter)
            for group in optimizer.param_groups
            for parameter in group["params"]
            if _plain(parameter)
        ]

    def gradients(self, leaves: list[Tensor]) -> Scalars | None:
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
        norms = _norms(sampled) * torch.tensor(scales, device=sampled[0].device)
        self._look_for_broken([name for name, _ in grads], sampled, norms)
        return keys, norms

    def nonfinite(self) -> Scalars | None:
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

    def moved(self, follow: Optimizer | None = None) -> Scalars | None:
        """Weight norms before the step, and update ratios after it.

        Args:
            follow: the optimiser whose next update is to be compared with this one; None: none is.
        """
        kept = [entry for entry in self._before if entry[1].numel() > 0]
        self._before = []
        if not kept:
            return None
        before = [sampled for _, _, sampled, _ in kept]
        after = [_sample(parameter) for _, parameter, _, _ in kept]
        sizes = _norms(before)
        updates = list(torch._foreach_sub(after, before))
        ratios = _norms(updates) / sizes
        if follow is not None:
            entries = zip(kept, after, updates, strict=True)
            self.turning.keep(follow, [(name, p, a, u) for (name, p, *_), a, u in entries])
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
