"""Records parameters: gradient and weight norms, and update ratios around an optimiser's step."""

from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Optimizer

from relume.record.capture.step_record import StepRecord
from relume.record.facts.fact_log import FactLog
from relume.record.graph.head_structure import decays
from relume.record.measure.dtensor import local, shard_info
from relume.record.measure.parameter_samples import (
    MOST_ELEMENTS,
    RUN,
    ParameterSampler,
    ParameterSamples,
    split_distant,
)
from relume.record.measure.row_cosine import RowCosines
from relume.record.measure.update_cosine import UpdateCosine
from relume.record.sites.qualified_names import QualifiedNames

Keys = tuple[tuple[str, str], ...]
Numbers = NDArray[np.float64]
Found = tuple[Keys, Numbers | Tensor]
Before = tuple[Optimizer, list[Tensor], list[Tensor], ParameterSamples | list[Tensor]]
"""Who is about to step, its parameters, what this process holds of each, samples of that."""


class ParameterStats:
    """Looks at parameters after backward, and around the optimiser's step.

    Args:
        names, notes: of the run.
    """

    def __init__(self, names: QualifiedNames, fact_log: FactLog) -> None:
        self._names = names
        self._fact_log = fact_log
        self._weights = WeightStats(names)
        self.update_cosine = self._weights.update_cosine
        self._rows = RowCosines()
        self._written: dict[
            int, tuple[int, list[int]]
        ] = {}  # by optimiser: whose facts are written
        self._pending_optimizer: tuple[Optimizer, set[int]] | None = (
            None  # steps, and nothing was read yet
        )

    def gradients(self, record: StepRecord, leaves: Sequence[Tensor]) -> None:
        """After backward, before any clipping."""
        record.add(self._weights.gradients(leaves), scaled=True)
        record.add(self._weights.nonfinite())
        record.add(self.update_cosine.take())

    def before_step(self, record: StepRecord | None, optimizer: Optimizer, step: int) -> None:
        """Just before the optimiser's step."""
        self._pending_optimizer = None
        self._weights.snapshot(optimizer)
        if record is not None:
            self._write_parameters(record, optimizer, step)
        else:
            # A closure: forward and backward come inside of the step, and what is called what is
            # known after it. Whether a weight was zero is known only now.
            new = id(optimizer) not in self._written
            self._pending_optimizer = (
                optimizer,
                zero_tensors(parameters_of(optimizer)) if new else set(),
            )

    def updates(self, record: StepRecord, step: int, follow: Optimizer | None) -> None:
        """Just after it: how far it moved the weights; `follow`: to compare the next update with
        this one."""
        if self._pending_optimizer is not None:
            (optimizer, empty), self._pending_optimizer = self._pending_optimizer, None
            self._write_parameters(record, optimizer, step, empty)
        record.add(self._weights.moved(follow))

    def forget(self) -> None:
        """The step is not recorded to its end."""
        self._pending_optimizer = None

    def _write_parameters(
        self, record: StepRecord, optimizer: Optimizer, step: int, empty: set[int] | None = None
    ) -> None:
        """Say what the parameters are, once; follow those whose rows are alike."""
        key = (self._names.version, list(map(id, parameters_of(optimizer))))
        if self._written.get(id(optimizer)) == key and not self._rows.followed:
            return
        named = self._weights.named(optimizer)
        empty = zero_tensors(parameter for _, parameter in named) if empty is None else empty
        self._fact_log.write_parameters(named, step, decays(optimizer), empty)
        parts = [(name, part) for name, p in named if (part := local(p)) is not None]
        record.add(self._rows.look(parts))
        self._written[id(optimizer)] = key


class WeightStats:
    """Snapshots around one optimiser step, over an even sample of every parameter.

    Norms are of the sample, scaled to the whole parameter. Ratios need no scale. What is in the
    host's memory is added up there, other devices by torch and without waiting.

    Args:
        names: of parameters.

    Attributes:
        turning: follows the updates of some steps by one step more.
    """

    def __init__(self, names: QualifiedNames) -> None:
        self._names = names
        self._unnamed: dict[int, str] = {}
        self._before: Before | None = None
        self._nonfinite_names: dict[str, None] = {}  # parameters whose gradient was not finite once
        self._nonfinite: Found | None = None
        self._keys: dict[tuple[str, ...], tuple[int, list[int], Keys]] = {}
        self._gradients = ParameterSampler()
        self._samplers: WeakKeyDictionary[Optimizer, ParameterSampler] = WeakKeyDictionary()
        self.update_cosine = UpdateCosine(_sample)

    def snapshot(self, optimizer: Optimizer) -> None:
        """Keep the sampled weights as they are before the step."""
        parameters, parts = _held_parts(parameters_of(optimizer))
        if not parameters:
            self._before = None
            return
        before = self._sampler(optimizer).take(parts)
        sampled = [_sample(part).clone() for part in parts] if before is None else before
        self._before = optimizer, parameters, parts, sampled

    def named(self, optimizer: Optimizer) -> list[tuple[str, Tensor]]:
        """The optimiser's parameters with their names."""
        return [(self._name(p), p) for p in parameters_of(optimizer) if local(p) is not None]

    def gradients(self, leaves: Sequence[Tensor]) -> Found | None:
        """Norms of the gradients now in `.grad`, which is before any clipping."""
        self._nonfinite = None
        parameters: list[Tensor] = []
        grads: list[Tensor] = []
        for leaf in (*leaves, *shard_info(self._names.roots())):
            grad = local(leaf.grad)
            if grad is not None and grad.numel() and local(leaf) is not None:
                parameters.append(leaf)
                grads.append(grad)
        if not grads:
            return None
        keys = self._keys_of(parameters, "grad_norm")
        found = self._gradients.take(grads)
        if found is not None:
            norms = found.norms() * found.scales * _shards(parameters, grads)
            self._count_nonfinite(keys, found, norms)
            return keys, norms
        sampled = [_sample(grad) for grad in grads]
        scales = _scales(parameters, [s.numel() for s in sampled])
        return keys, _norms(sampled) * torch.from_numpy(scales).to(sampled[0])

    def nonfinite(self) -> Found | None:
        """The share of each gradient that was not finite, from the first time that one was not.

        Of the last call of `gradients`; None as long as all of them were finite. On a CPU only:
        elsewhere asking would wait for the device, and the norm shows it as well.
        """
        return self._nonfinite

    def _count_nonfinite(self, keys: Keys, found: ParameterSamples, norms: Numbers) -> None:
        if not np.isfinite(norms).all():
            pairs = zip(keys, np.isfinite(norms).tolist(), strict=True)
            self._nonfinite_names.update({name: None for (name, _), finite in pairs if not finite})
        if self._nonfinite_names:
            pairs = zip(keys, found.parts(), strict=True)
            parameters = [
                (name, part) for (name, _), part in pairs if name in self._nonfinite_names
            ]
            if parameters:
                shares = [1.0 - float(np.isfinite(part).mean()) for _, part in parameters]
                names = tuple((name, "grad_nonfinite_share") for name, _ in parameters)
                self._nonfinite = (names, np.array(shares))

    def moved(self, follow: Optimizer | None = None) -> Found | None:
        """Weight norms before the step, and update ratios after it.

        Args:
            follow: the optimiser whose next update is to be compared with this one; None: none is.
        """
        if self._before is None:
            return None
        (optimizer, parameters, parts, before), self._before = self._before, None
        keys = self._keys_of(parameters, "weight_norm", "update_ratio")
        if isinstance(before, ParameterSamples):
            sampler = self._sampler(optimizer)
            after = sampler.take(parts)
            if after is None or not after.like(before):
                return None  # moved to another device, or resized, within the step
            sizes = before.norms()
            updates = after.flat - before.flat
            ratios = before.norms(updates) / sizes
            if follow is not None:
                names = [name for name, _ in keys[: len(parts)]]
                self.update_cosine.keep_here(follow, names, parts, sampler, after, updates)
            return keys, np.concatenate(
                (sizes * before.scales * _shards(parameters, parts), ratios)
            )
        sizes = _norms(before)
        later = [_sample(part) for part in parts]
        updates = list(torch._foreach_sub(later, before))
        ratios = _norms(updates) / sizes
        if follow is not None:
            names = map(self._name, parameters)
            self.update_cosine.keep(follow, list(zip(names, parts, later, updates, strict=True)))
        scales = torch.from_numpy(_scales(parameters, [s.numel() for s in before])).to(sizes)
        return keys, torch.cat((sizes * scales, ratios))

    def _sampler(self, optimizer: Optimizer) -> ParameterSampler:
        found = self._samplers.get(optimizer)
        if found is None:
            found = self._samplers[optimizer] = ParameterSampler()
        return found

    def _keys_of(self, parameters: list[Tensor], *stats: str) -> Keys:
        """(parameter, stat) of each, made anew only where parameters or names are others."""
        numbers = list(map(id, parameters))
        known = self._keys.get(stats)
        if known is not None and known[0] == self._names.version and known[1] == numbers:
            return known[2]
        names = [self._name(parameter) for parameter in parameters]
        keys = tuple((name, stat) for stat in stats for name in names)
        self._keys[stats] = self._names.version, numbers, keys
        return keys

    def _name(self, parameter: Tensor) -> str:
        name = self._names.parameter(parameter)
        if name is not None:
            return name
        return self._unnamed.setdefault(id(parameter), f"parameter_{len(self._unnamed)}")


def zero_tensors(parameters: Iterable[Tensor]) -> set[int]:
    """Ids of those that are zero all over, as far as a look at their beginning tells."""
    parts = ((id(p), local(p)) for p in parameters)
    return {
        number
        for number, part in parts
        if part is not None and not bool(part.detach().reshape(-1)[:4096].any())
    }


def parameters_of(optimizer: Optimizer) -> list[Tensor]:
    """All that an optimiser steps."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _held_parts(parameters: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """The parameters that this process holds something of, and what it holds."""
    pairs = [(p, part) for p in parameters if (part := local(p)) is not None and part.numel()]
    return [p for p, _ in pairs], [part for _, part in pairs]


def _shards(whole: Sequence[Tensor], parts: Sequence[Tensor]) -> Numbers | float:
    """What a norm of the part that is held is multiplied by to be that of all of it."""
    if all(part.numel() == tensor.numel() for tensor, part in zip(whole, parts, strict=True)):
        return 1.0
    return _scales(whole, [part.numel() for part in parts])


def _scales(tensors: Sequence[Tensor], counts: Sequence[int]) -> Numbers:
    return np.sqrt(np.array([tensor.numel() for tensor in tensors]) / np.array(counts))


def _sample(tensor: Tensor) -> Tensor:
    flat, size = tensor.detach().reshape(-1), tensor.numel()
    if size <= MOST_ELEMENTS:
        return flat
    return flat[: size - size % RUN].reshape(-1, RUN)[:: split_distant(size)].reshape(-1)


def _norms(tensors: list[Tensor]) -> Tensor:
    """L2 norms, (tensors,) in float32, on the device of the first."""
    device = tensors[0].device
    return torch.stack([norm.float().to(device) for norm in torch._foreach_norm(tensors)])
