"""Records parameters: gradient and weight norms, and update ratios around an optimiser's step."""

from collections.abc import Iterable, Sequence
from functools import partial
from math import isfinite
from typing import Any, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.optim import Optimizer

from relume.instrument.float64 import as_float64
from relume.record.capture.step_record import StepRecord
from relume.record.facts.fact_log import FactLog
from relume.record.graph.head_structure import weight_decays
from relume.record.measure.dtensor import local_part, sharded_parameters
from relume.record.measure.parameter_samples import (
    ParameterSampler,
    ParameterSamples,
    parameters_of,
)
from relume.record.measure.row_cosine import RowCosines
from relume.record.measure.update_cosine import UpdateCosine
from relume.record.sites.qualified_names import QualifiedNames

Keys = tuple[tuple[str, str], ...]
Measured = tuple[Keys, Tensor]
Before = tuple[Optimizer, list[Tensor], list[Tensor], ParameterSamples]
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

    Norms are those of the sample, scaled to the whole parameter; ratios need no scale. Torch sums
    on the parameters' device, without waiting.

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
        self.update_cosine = UpdateCosine()

    def snapshot(self, optimizer: Optimizer) -> None:
        """Keep a sample of the weights as they are before the step."""
        parameters, parts = _held_parts(parameters_of(optimizer))
        self._before = None
        if parameters:
            before = self._sampler(optimizer).take(parts, parameters)
            self._before = optimizer, parameters, parts, before

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
        samples = self._gradients.take(grads, parameters)
        norms = samples.norms() * samples.scales
        if norms.is_cpu:
            self._count_nonfinite(keys, samples, norms)
        return keys, norms

    def nonfinite(self) -> Measured | None:
        """Return the non-finite share of each gradient that was ever NaN or infinite.

        The shares are those of the last call of `gradients`; None as long as all were finite.
        They are measured on a CPU only: elsewhere reading them would wait for the device, and
        the norm shows the same.
        """
        return self._nonfinite

    def _count_nonfinite(self, keys: Keys, samples: ParameterSamples, norms: Tensor) -> None:
        numbers: list[float] = cast(Any, norms).tolist()
        pairs = zip(keys, numbers, strict=True)
        self._nonfinite_names.update({name: None for (name, _), n in pairs if not isfinite(n)})
        if self._nonfinite_names:
            parts = zip(keys, samples.parts(), strict=True)
            shares = {
                (name, "grad_nonfinite_share"): float(as_float64(~part.isfinite()).mean())
                for (name, _), part in parts
                if name in self._nonfinite_names
            }
            if shares:
                values = torch.tensor(list(shares.values()), dtype=torch.float64)
                self._nonfinite = tuple(shares), values

    def moved(self, follow: Optimizer | None = None) -> Measured | None:
        """Return weight norms before the step, and update ratios after it.

        Args:
            follow: the optimiser whose next update is compared with this one; None for none.
        """
        if self._before is None:
            return None
        (optimizer, parameters, parts, before), self._before = self._before, None
        keys = self._keys_of(parameters, "weight_norm", "update_ratio")
        sampler = self._sampler(optimizer)
        after = sampler.take(parts, parameters)
        if after.layout is not before.layout:
            return None  # moved to another device, or resized, within the step
        sizes, update = before.norms(), after.flat - before.flat
        if follow is not None:
            named = [(name, part) for (name, _), part in zip(keys, parts, strict=False)]
            sample = partial(sampler.take, parts, parameters)
            self.update_cosine.keep(follow, named, sample, after, update)
        return keys, torch.cat((sizes * before.scales, before.norms(update) / sizes))

    def _sampler(self, optimizer: Optimizer) -> ParameterSampler:
        return self._samplers.setdefault(optimizer, ParameterSampler())

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


def _held_parts(parameters: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the parameters that this process holds a part of, and those parts."""
    pairs = [(p, part) for p in parameters if (part := local_part(p)) is not None and part.numel()]
    return [p for p, _ in pairs], [part for _, part in pairs]
