"""Records parameters: gradient and weight norms, and update ratios around an optimiser's step."""

from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import Optimizer

from relume.instrument.private_names import foreach_norm, foreach_sub
from relume.record.capture.step_record import StepRecord
from relume.record.facts.fact_log import FactLog
from relume.record.graph.head_structure import weight_decays
from relume.record.measure.dtensor import local_part, sharded_parameters
from relume.record.measure.parameter_samples import (
    MOST_ELEMENTS,
    RUN,
    ParameterSampler,
    ParameterSamples,
    run_stride,
)
from relume.record.measure.row_cosine import RowCosines
from relume.record.measure.update_cosine import UpdateCosine
from relume.record.sites.qualified_names import QualifiedNames

Keys = tuple[tuple[str, str], ...]
Numbers = NDArray[np.float64]
Measured = tuple[Keys, Numbers | Tensor]
Before = tuple[Optimizer, list[Tensor], list[Tensor], ParameterSamples | list[Tensor]]
"""The optimiser, its parameters, the part of each that this process holds, and their samples."""


class ParameterStats:
    """Records the parameters after backward, and before and after the optimiser's step.

    Args:
        names: the run's parameter names.
        fact_log: gets one fact for each parameter.

    Attributes:
        update_cosine: compares some updates with the next one of the same optimiser.
    """

    def __init__(self, names: QualifiedNames, fact_log: FactLog) -> None:
        self._names = names
        self._fact_log = fact_log
        self._weights = WeightStats(names)
        self.update_cosine = self._weights.update_cosine
        self._rows = RowCosines()
        # By optimiser: the names' version and the parameters whose facts are written.
        self._written: dict[int, tuple[int, list[int]]] = {}
        # An optimiser that calls backward inside its step, and its parameters that are zero.
        self._pending_optimizer: tuple[Optimizer, set[int]] | None = None

    def gradients(self, record: StepRecord, leaves: Sequence[Tensor]) -> None:
        """Record the gradients after backward, before any clipping."""
        record.add(self._weights.gradients(leaves), scaled=True)
        record.add(self._weights.nonfinite())
        record.add(self.update_cosine.take())

    def before_step(self, record: StepRecord | None, optimizer: Optimizer, step: int) -> None:
        """Snapshot the weights just before the optimiser's step."""
        self._pending_optimizer = None
        self._weights.snapshot(optimizer)
        if record is not None:
            self._write_parameters(record, optimizer, step)
        else:
            # A closure: forward and backward run inside the step, so names are known after it.
            # Whether a weight was zero is known only now.
            new = id(optimizer) not in self._written
            zeros = zero_tensors(parameters_of(optimizer)) if new else set[int]()
            self._pending_optimizer = optimizer, zeros

    def updates(self, record: StepRecord, step: int, follow: Optimizer | None) -> None:
        """Record how far the step moved the weights, just after it.

        Args:
            record: gets the update ratios.
            step: the current step.
            follow: the optimiser whose next update is compared with this one; None for none.
        """
        if self._pending_optimizer is not None:
            (optimizer, zeros), self._pending_optimizer = self._pending_optimizer, None
            self._write_parameters(record, optimizer, step, zeros)
        record.add(self._weights.moved(follow))

    def forget(self) -> None:
        """Forget a step that is not recorded to its end."""
        self._pending_optimizer = None

    def _write_parameters(
        self, record: StepRecord, optimizer: Optimizer, step: int, zeros: set[int] | None = None
    ) -> None:
        """Write each parameter's fact once; follow the parameters whose rows are alike."""
        key = (self._names.version, list(map(id, parameters_of(optimizer))))
        if self._written.get(id(optimizer)) == key and not self._rows.followed:
            return
        named = self._weights.named(optimizer)
        zeros = zero_tensors(parameter for _, parameter in named) if zeros is None else zeros
        self._fact_log.write_parameters(named, step, weight_decays(optimizer), zeros)
        parts = [(name, part) for name, p in named if (part := local_part(p)) is not None]
        record.add(self._rows.measure(parts))
        self._written[id(optimizer)] = key


class WeightStats:
    """Measures weights, gradients and updates over an even sample of every parameter.

    Norms are those of the sample, scaled to the whole parameter; ratios need no scale. NumPy sums
    what is in the host's memory; torch sums the rest on its device, without waiting.

    Args:
        names: the run's parameter names.

    Attributes:
        update_cosine: compares some updates with the next one of the same optimiser.
    """

    def __init__(self, names: QualifiedNames) -> None:
        self._names = names
        self._unnamed: dict[int, str] = {}
        self._before: Before | None = None
        self._nonfinite_names: dict[str, None] = {}  # a gradient was NaN or infinite
        self._nonfinite: Measured | None = None
        self._keys: dict[tuple[str, ...], tuple[int, list[int], Keys]] = {}
        self._gradients = ParameterSampler()
        self._samplers: WeakKeyDictionary[Optimizer, ParameterSampler] = WeakKeyDictionary()
        self.update_cosine = UpdateCosine(_sample)

    def snapshot(self, optimizer: Optimizer) -> None:
        """Keep a sample of the weights as they are before the step."""
        parameters, parts = _held_parts(parameters_of(optimizer))
        if not parameters:
            self._before = None
            return
        before = self._sampler(optimizer).take(parts)
        sampled = [_sample(part).clone() for part in parts] if before is None else before
        self._before = optimizer, parameters, parts, sampled

    def named(self, optimizer: Optimizer) -> list[tuple[str, Tensor]]:
        """Return the optimiser's parameters with their names."""
        return [(self._name(p), p) for p in parameters_of(optimizer) if local_part(p) is not None]

    def gradients(self, leaves: Sequence[Tensor]) -> Measured | None:
        """Return the norms of the gradients in `.grad`, before any clipping."""
        self._nonfinite = None
        parameters: list[Tensor] = []
        grads: list[Tensor] = []
        for leaf in (*leaves, *sharded_parameters(self._names.roots())):
            grad = local_part(leaf.grad)
            if grad is not None and grad.numel() and local_part(leaf) is not None:
                parameters.append(leaf)
                grads.append(grad)
        if not grads:
            return None
        keys = self._keys_of(parameters, "grad_norm")
        samples = self._gradients.take(grads)
        if samples is not None:
            norms = samples.norms() * samples.scales * _shards(parameters, grads)
            self._count_nonfinite(keys, samples, norms)
            return keys, norms
        sampled = [_sample(grad) for grad in grads]
        scales = _scales(parameters, [s.numel() for s in sampled])
        return keys, _norms(sampled) * torch.from_numpy(scales).to(sampled[0])

    def nonfinite(self) -> Measured | None:
        """Return the non-finite share of each gradient that was ever NaN or infinite.

        The shares are those of the last call of `gradients`; None as long as all were finite.
        They are measured on a CPU only: elsewhere reading them would wait for the device, and
        the norm shows the same.
        """
        return self._nonfinite

    def _count_nonfinite(self, keys: Keys, samples: ParameterSamples, norms: Numbers) -> None:
        if not np.isfinite(norms).all():
            pairs = zip(keys, np.isfinite(norms).tolist(), strict=True)
            self._nonfinite_names.update({name: None for (name, _), finite in pairs if not finite})
        if self._nonfinite_names:
            pairs = zip(keys, samples.parts(), strict=True)
            parts = [(name, part) for (name, _), part in pairs if name in self._nonfinite_names]
            if parts:
                shares = [1.0 - float(np.isfinite(part).mean()) for _, part in parts]
                names = tuple((name, "grad_nonfinite_share") for name, _ in parts)
                self._nonfinite = (names, np.array(shares))

    def moved(self, follow: Optimizer | None = None) -> Measured | None:
        """Return weight norms before the step, and update ratios after it.

        Args:
            follow: the optimiser whose next update is compared with this one; None for none.
        """
        if self._before is None:
            return None
        (optimizer, parameters, parts, before), self._before = self._before, None
        keys = self._keys_of(parameters, "weight_norm", "update_ratio")
        if isinstance(before, ParameterSamples):
            sampler = self._sampler(optimizer)
            after = sampler.take(parts)
            if after is None or not after.same_layout(before):
                return None  # moved to another device, or resized, within the step
            sizes = before.norms()
            updates = after.flat - before.flat
            ratios = before.norms(updates) / sizes
            if follow is not None:
                names = [name for name, _ in keys[: len(parts)]]
                self.update_cosine.keep_on_host(follow, names, parts, sampler, after, updates)
            return keys, np.concatenate(
                (sizes * before.scales * _shards(parameters, parts), ratios)
            )
        sizes = _norms(before)
        later = [_sample(part) for part in parts]
        updates = list(foreach_sub(later, before))
        ratios = _norms(updates) / sizes
        if follow is not None:
            names = map(self._name, parameters)
            self.update_cosine.keep(follow, list(zip(names, parts, later, updates, strict=True)))
        scales = torch.from_numpy(_scales(parameters, [s.numel() for s in before])).to(sizes)
        return keys, torch.cat((sizes * scales, ratios))

    def _sampler(self, optimizer: Optimizer) -> ParameterSampler:
        sampler = self._samplers.get(optimizer)
        if sampler is None:
            sampler = self._samplers[optimizer] = ParameterSampler()
        return sampler

    def _keys_of(self, parameters: list[Tensor], *stats: str) -> Keys:
        """Return (parameter, stat) of each; cached while parameters and names stay the same."""
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
    """Return ids of parameters whose first 4096 entries are all zero."""
    parts = ((id(p), local_part(p)) for p in parameters)
    return {
        number
        for number, part in parts
        if part is not None and not bool(part.detach().reshape(-1)[:4096].any())
    }


def parameters_of(optimizer: Optimizer) -> list[Tensor]:
    """Return all parameters that an optimiser steps."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _held_parts(parameters: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the parameters that this process holds a part of, and those parts."""
    pairs = [(p, part) for p in parameters if (part := local_part(p)) is not None and part.numel()]
    return [p for p, _ in pairs], [part for _, part in pairs]


def _shards(whole: Sequence[Tensor], parts: Sequence[Tensor]) -> Numbers | float:
    """Return the factors that scale norms of the held parts to norms of the whole parameters."""
    if all(part.numel() == tensor.numel() for tensor, part in zip(whole, parts, strict=True)):
        return 1.0
    return _scales(whole, [part.numel() for part in parts])


def _scales(tensors: Sequence[Tensor], counts: Sequence[int]) -> Numbers:
    return np.sqrt(np.array([tensor.numel() for tensor in tensors]) / np.array(counts))


def _sample(tensor: Tensor) -> Tensor:
    flat, size = tensor.detach().reshape(-1), tensor.numel()
    if size <= MOST_ELEMENTS:
        return flat
    return flat[: size - size % RUN].reshape(-1, RUN)[:: run_stride(size)].reshape(-1)


def _norms(tensors: list[Tensor]) -> Tensor:
    """Return L2 norms, (tensors,) in float32, on the device of the first."""
    device = tensors[0].device
    return torch.stack([norm.float().to(device) for norm in foreach_norm(tensors)])
