"""Collects the sums of one recorded step: from the graph before backward, and during backward."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import thread_time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from relume.acts.act import Act
from relume.record.graph.attention import attention_again
from relume.record.graph.attention import sample as sample_attention
from relume.record.graph.autograd_graph import (
    AutogradNode,
    kind,
    saved,
    signal_inputs,
    signed_axis,
)
from relume.record.graph.elementwise import InnerNode
from relume.record.graph.recompute import output_of, pre_of
from relume.record.graph.routers import chosen
from relume.record.hooks.torch_state import untraced
from relume.record.measure import act_stats
from relume.record.measure.attention_sums import ATTENTION, attention_sums
from relume.record.measure.stat import SampledSums
from relume.record.sites.composite_acts import parameters_of
from relume.record.sites.function_mode import CapturedInput
from relume.record.sites.sites import SiteState

LOW, HIGH = act_stats.FORWARD.index("low"), act_stats.FORWARD.index("high")

Floats = NDArray[np.float64]
Keys = tuple[tuple[str, str], ...]
NamedSums = tuple[tuple[str, ...], Tensor]  # names, and a row (units,) for each


@dataclass(slots=True)
class SiteSums:
    """The sums of one site on one record, and the number of rows that they add up.

    Attributes:
        state: the site's state.
        rows: sampled rows in the sums of output and gradients.
        pre_rows: sampled rows in the sums of the input.
        input_rows: the input's sampled rows, only while the record is taken.
        slopes: of an act that several nodes compute: f' on the sampled rows, until its gradients
            were read.
        hooked: whether a hook will add the sums of its gradients.
        sums: their names, and a tensor with a row for each, on the device.
    """

    state: SiteState
    rows: int = 0
    pre_rows: int = 0
    input_rows: Tensor | None = None
    slopes: Tensor | None = None
    hooked: bool = False
    sums: list[NamedSums] = field(default_factory=list[NamedSums])

    def sampled(self, host: Sequence[Floats]) -> SampledSums:
        """Return the sums by name, given a flat host array for each tensor."""
        named: dict[str, NDArray[Any]] = {}
        totals: dict[str, float] = {}
        for (names, tensor), flat in zip(self.sums, host, strict=True):
            block = flat.reshape(tensor.shape)
            named.update(zip(names, block, strict=True))
            totals.update(zip(names, np.add.reduce(block, 1).tolist(), strict=True))
        return SampledSums(self.rows, self.pre_rows, named, totals)


class GradientHook:
    """Sums the gradients on both sides of an act, once, as a hook on its node.

    It keeps no tensor of the user's, so nothing of a step stays in memory.
    """

    __slots__ = ("_axis", "_done", "_on_cost", "_on_error", "_phase", "_sums", "_unscale")

    def __init__(self, sums: SiteSums, phase: int, record: "StepRecord") -> None:
        self._sums = sums
        self._unscale = record.unscale
        self._axis = sums.state.axis
        self._phase = phase
        self._done = False
        self._on_cost = record.add_cost
        self._on_error = record.on_error

    def __call__(self, into: Sequence[Any], out: Sequence[Any]) -> None:
        """Add the sums; autograd calls it with the gradients of the node's inputs and outputs."""
        if self._done:  # a second backward through a retained graph
            return
        self._done = True
        start = thread_time()
        try:
            with untraced():
                self._add_sums(into, out)
        except Exception as error:  # the user's backward goes on whatever happens here
            self._on_error("gradient", error)
        self._on_cost(thread_time() - start)

    def _add_sums(self, into: Sequence[Any], out: Sequence[Any]) -> None:
        grad_post = out[0] if out else None
        if not isinstance(grad_post, Tensor):
            return
        if self._sums.state.site.kind == "head":
            rows = self._sample_rows(grad_post, self._axis % grad_post.dim())
            self._sums.rows = rows.shape[0]
            self._sums.sums.append((("grad_pre_norm",), act_stats.unit_norms(rows).unsqueeze(0)))
            return
        if self._sums.slopes is not None:
            self._add_by_slopes(grad_post, self._sums.slopes)
            return
        grad_pre = next((g for g in into if isinstance(g, Tensor)), None)
        if grad_pre is None or grad_pre.shape != grad_post.shape:
            return
        axis = self._axis if self._axis < grad_pre.dim() else grad_pre.dim() - 1
        pre, post = self._sample_rows(grad_pre, axis), self._sample_rows(grad_post, axis)
        self._sums.sums.append((act_stats.BACKWARD, act_stats.backward_sums(pre, post)))

    def _add_by_slopes(self, grad_post: Tensor, slopes: Tensor) -> None:
        """Add the sums of an act that several nodes compute: dL/dpre is dL/dpost times f'."""
        self._sums.slopes = None
        axis = self._axis if self._axis < grad_post.dim() else grad_post.dim() - 1
        post = self._sample_rows(grad_post, axis)
        if post.shape == slopes.shape:
            sums = act_stats.backward_sums(post * slopes, post)
            self._sums.sums.append((act_stats.BACKWARD, sums))

    def _sample_rows(self, gradient: Tensor, axis: int) -> Tensor:
        rows = act_stats.sample(gradient, axis, self._phase)
        return rows if self._unscale is None else rows * self._unscale


class PairHook(GradientHook):
    """Sums the gradients of an act that several nodes compute, and whose input none keeps.

    dL/dpost is that of the act's last node, dL/dpre that of the node that computes its input.
    """

    __slots__ = ("_post",)
    _post: Tensor | None

    def _add_sums(self, into: Sequence[Any], out: Sequence[Any]) -> None:
        post = out[0] if out else None
        self._post = self._rows_of(post) if isinstance(post, Tensor) else None

    def before_entry(self, out: Sequence[Any]) -> None:
        """Add the sums; autograd calls it before the node that computes the act's input."""
        post, self._post = getattr(self, "_post", None), None
        start = thread_time()
        try:
            with untraced():
                pre = self._rows_of(out[0]) if isinstance(out[0], Tensor) else None
                if pre is not None and post is not None and pre.shape == post.shape:
                    sums = act_stats.backward_sums(pre, post)
                    self._sums.sums.append((act_stats.BACKWARD, sums))
        except Exception as error:  # the user's backward goes on whatever happens here
            self._on_error("gradient", error)
        self._on_cost(thread_time() - start)

    def _rows_of(self, gradient: Tensor) -> Tensor:
        axis = self._axis if self._axis < gradient.dim() else gradient.dim() - 1
        return self._sample_rows(gradient, axis)


class StepRecord:
    """Collects one record's sums, first from the graph, then from the backward pass.

    Args:
        phase: the record's number, from which its sampled rows follow.
        deep: also compute again what torch did not save (inputs of ReLU and the like).
        on_error: called with a failure of the recorder: where, and the exception.

    Attributes:
        unscale: the factor that undoes a gradient scaler's on the gradients; None without one.
        sums: the sums of each site, by its name.
        scalars: single numbers, by (site, stat).
        cost: seconds that the recorder spent on this record.
    """

    def __init__(self, phase: int, deep: bool, on_error: Callable[[str, Exception], None]) -> None:
        self.phase = phase
        self.deep = deep
        self.on_error = on_error
        self.cost = 0.0
        self.unscale: float | Tensor | None = None
        self.sums: dict[str, SiteSums] = {}
        self.scalars: list[tuple[Keys, Tensor]] = []

    def add_cost(self, seconds: float) -> None:
        """Add time that the recorder spent on this record."""
        self.cost += seconds

    def add(self, scalars: tuple[Keys, Tensor] | None, *, scaled: bool = False) -> None:
        """Add single numbers of this record; `scaled` ones lose a gradient scaler's factor."""
        if scalars is None:
            return
        keys, numbers = scalars
        if scaled and self.unscale is not None:
            numbers = numbers * self.unscale
        self.scalars.append((keys, numbers))

    def read_act(
        self,
        state: SiteState,
        node: AutogradNode | None,
        captured_input: CapturedInput | None = None,
    ) -> None:
        """Read an act's input or output, and hook its gradients.

        Args:
            state: its site's state.
            node: its node in the graph; None where it has none.
            captured_input: its input, if it was captured as it was called.
        """
        if state.act is None or state.node_spec is None:
            return
        if state.site.name in self.sums:
            # A second forward in the same step: the first one counts. Under a checkpoint the first
            # one has no graph, so this one's node gets the hook.
            self._hook_gradients(self.sums[state.site.name], node)
            return
        if captured_input is not None:
            rows, holds = captured_input.rows, captured_input.holds
            extra = {**state.act.defaults, **captured_input.extra}
        elif node is not None:
            value, holds = state.node_spec.read(node), state.node_spec.holds
            if not state.shape:
                state.shape, state.dtype, state.device = (
                    tuple(value.shape),
                    value.dtype,
                    value.device,
                )
            axis = state.axis if state.axis < value.dim() else value.dim() - 1
            rows = act_stats.sample(value, axis, self.phase)
            extra = parameters_of(state.act, state.node_spec, node)
        else:
            return
        if rows.numel() == 0:
            return
        if captured_input is not None and captured_input.blind:
            rows = self._mask_nan(state, rows)
        sums = self.sums[state.site.name] = SiteSums(state, rows.shape[0])
        sums.sums += _output_sums(state.act, rows, holds, extra, smooth=state.site.smooth)
        self._follow_composite(sums, node, rows if captured_input is None else None, extra)
        if holds == "pre":
            self._add_pre_sums(sums, rows)
        elif self.deep and node is not None:
            pre = pre_of(node, self.phase)
            if pre is not None and pre.shape[1] == rows.shape[1]:
                self._add_pre_sums(sums, pre)
        self._add_line_sums(sums, sums.input_rows, extra)
        self._hook_gradients(sums, node)

    def _follow_composite(
        self,
        sums: SiteSums,
        node: AutogradNode | None,
        rows: Tensor | None,
        extra: Mapping[str, Any],
    ) -> None:
        """Prepare for the gradients of an act that several nodes compute.

        Args:
            sums: the sums of its site.
            node: its last node.
            rows: the rows of its kept input; None where it was recomputed, on other rows.
            extra: the act's parameters.
        """
        spec, act = sums.state.node_spec, sums.state.act
        if not isinstance(spec, InnerNode) or act is None or node is None:
            return
        if rows is not None:
            sums.slopes = act_stats.slopes_of(act, rows, extra)
            return
        sums.hooked = True
        if spec.path:
            hook = PairHook(sums, self.phase, self)
            node.register_hook(hook)
            spec.holder(node).register_prehook(hook.before_entry)

    def read_router(self, state: SiteState, node: AutogradNode) -> None:
        """Count the rows on which each output of a softmax is the largest.

        Args:
            state: the state of a softmax that gates.
            node: its node in the graph.
        """
        source = next(iter(signal_inputs(node)), None)
        if source is not None and kind(source) == "TopkBackward":
            return  # over values that are sorted: the first is always the largest
        result, axis = saved(node, "_saved_result"), state.axis
        if state.site.name in self.sums or not isinstance(result, Tensor) or result.dim() < 2:
            return
        if signed_axis(node._saved_dim) not in (axis, axis - result.dim()):
            return
        rows = act_stats.sample(result, axis, self.phase)
        sums = self.sums[state.site.name] = SiteSums(state, rows.shape[0])
        sums.sums.append((act_stats.TOP, act_stats.top_sums(rows)))

    def read_attention(self, state: SiteState, node: AutogradNode) -> None:
        """Sum up the scores and weights of an attention on sampled rows, by head.

        Args:
            state: the state of its site.
            node: its node in the graph.
        """
        if state.site.name in self.sums or state.unreadable:
            return
        call = attention_again(node)
        read = None if call is None else sample_attention(call, state.site.units, self.phase)
        if read is None:
            return
        rows = read.weights.shape[0] * read.weights.shape[2]
        sums = self.sums[state.site.name] = SiteSums(state, rows)
        sums.sums.append((ATTENTION, attention_sums(read)))

    def read_choice(self, state: SiteState, node: AutogradNode) -> None:
        """Count the rows that a router sends to each expert.

        Args:
            state: the state of its site.
            node: its node in the graph.
        """
        found = None if state.site.name in self.sums else chosen(node, state.site.units)
        if found is not None and not state.unreadable:
            sums = self.sums[state.site.name] = SiteSums(state, found[1])
            sums.sums.append((act_stats.TOP, found[0]))

    def add_outgoing(self, state: SiteState, norms: Tensor | None) -> None:
        """Add the norms of the weights that take an act's output, one for each unit.

        Args:
            state: the act's state.
            norms: (units,); None where they are not known.
        """
        sums = self.sums.get(state.site.name)
        if sums is not None and norms is not None:
            sums.sums.append((("out_norm",), norms.unsqueeze(0)))

    def _hook_gradients(self, sums: SiteSums, node: AutogradNode | None) -> None:
        if node is not None and not sums.hooked:
            sums.hooked = True
            node.register_hook(GradientHook(sums, self.phase, self))

    def _mask_nan(self, state: SiteState, rows: Tensor) -> Tensor:
        """Replace NaN by 0, as a choice by a comparison does, and record the share of NaN.

        This is done on a CPU only: elsewhere the check would wait for the device.
        """
        if not rows.is_cpu or not bool(torch.isnan(rows.sum())):
            return rows
        lost = torch.isnan(rows)
        key = (state.site.name, "nonfinite_swallowed_share")
        self.scalars.append(((key,), lost.float().mean().reshape(1)))
        return rows.masked_fill(lost, 0.0)

    def _add_line_sums(self, sums: SiteSums, pre: Tensor | None, extra: Mapping[str, Any]) -> None:
        """Add how straight a smooth act is on its input; any other act is bent by its kink."""
        act = sums.state.act
        if self.deep and pre is not None and act is not None and sums.state.site.smooth:
            sums.sums.append((act_stats.LINE, act_stats.line_sums(act, pre, extra)))
        sums.input_rows = None

    def read_head(self, state: SiteState, node: AutogradNode) -> None:
        """Compute the head's output again and hook its gradient."""
        if state.site.name in self.sums:
            return
        sums = self.sums[state.site.name] = SiteSums(state)
        if self.deep:
            output = output_of(node, self.phase)
            if output is not None:
                self._add_pre_sums(sums, output)
                sums.input_rows = None
        node.register_hook(GradientHook(sums, self.phase, self))

    def _add_pre_sums(self, sums: SiteSums, rows: Tensor) -> None:
        sums.pre_rows = rows.shape[0]
        sums.input_rows = rows
        sums.sums.append((act_stats.PRE, act_stats.pre_sums(rows)))


def _output_sums(
    act: Act, rows: Tensor, holds: str, extra: Mapping[str, Any], *, smooth: bool
) -> list[NamedSums]:
    """Return the forward sums, and those that only leaky and smooth acts have."""
    forward = act_stats.forward_sums(act, rows, holds, extra)
    sums: list[NamedSums] = [(act_stats.FORWARD, forward)]
    if act.leaks:
        sums.append((act_stats.ABOVE, act_stats.above_sums(act, rows, holds)))
    if smooth:
        sums.append((act_stats.SLOPE, _slope_sums(act, rows, holds, extra, forward)))
    return sums


def _slope_sums(
    act: Act, rows: Tensor, holds: str, extra: Mapping[str, Any], forward: Tensor
) -> Tensor:
    """Return `act_stats.slope_sums`; on a CPU slopes are taken of wholly flat units alone.

    Mostly there are none. Any other unit has a row with more slope, so `FLAT` is its value.
    """
    by_unit = any(isinstance(value, Tensor) and value.numel() > 1 for value in extra.values())
    if by_unit or not rows.is_cpu:  # to select units would wait for the device
        return act_stats.slope_sums(act, rows, holds, extra)
    flat = forward[LOW] + forward[HIGH] >= rows.shape[0]
    slopes = rows.new_full((1, rows.shape[1]), act_stats.FLAT)
    if bool(flat.any()):
        slopes[:, flat] = act_stats.slope_sums(act, rows[:, flat], holds, extra)
    return slopes
