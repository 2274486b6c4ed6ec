"""Defines the nouns of a recording: sites, series, windows, facts, and the trace of them all."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


T = TypeVar("T")

# kinds of facts that happen at a step
EVENTS = frozenset({"non-finite", "origin", "failed-step", "end", "error"})


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the model that is measured.

    Attributes:
        name: unique in a run. A module that is itself the act has its path (``"net.1"``), the
            second call of it in one forward ``"net.1#2"``; a function called inside a module's
            forward has the module's path and the act (``"block.relu()"``, ``"relu()"`` in the
            root, ``"relu()#2"`` the second call). A parameter has its qualified name, the head
            and an input the path of their layer.
        kind: ``"act"`` (a non-linearity), ``"head"`` (the affine layer whose output the loss
            judges), ``"input"`` (the data entering the first affine layer), ``"parameter"``,
            ``"attention"`` (scores and weights, a unit for each head), ``"router"`` (a choice
            among experts, a unit for each).
        act: the act's name (``"relu"``); ``"identity"`` for a head, ``""`` otherwise.
        role: of an act: ``"hidden"``, ``"output"`` (between the head and the loss), ``"gate"``
            (multiplied with another signal), ``"attention"`` (weights of a weighted sum).
        path: qualified name of the module whose forward made the call, ``""`` for the root.
        layer: qualified name of the affine or norm layer that feeds the site, ``""`` if none.
        index: how many calls of this act in this module came before, in one forward.
        order: position in the forward pass, counted over all sites of the run.
        units: number of units (size of the unit axis); 0 where that means nothing.
        file, line: where the call stands in the user's source; ``""`` and 0 if unknown.
        smooth: of an act: its slope is curved and nowhere exactly zero, so a zero is rounding.
        rectifies: of an act: its low side is silent by design (ReLU, GELU), unlike sigmoid's.
        low, high: of an act: its least and greatest output, infinite where it has no bound. An act
            that dips below zero and grows above it without bound (GELU, ELU) counts as open.
        max_slope: of an act: its largest abs slope; None where it has no slope of one element.
        leaks: of an act: two straight pieces that both pass the signal on (leaky ReLU).
        passes: of an act: what is above zero comes out as it is (ReLU, ELU).
        clips: of an act: a limit on values rather than an act (hardtanh, clamp).
        rows: of an act over an axis: ``"probabilities"`` where each row sums to one,
            ``"log-probabilities"`` where its exponentials do.
        init: of an act: initialisations that suit it, the best first: ``"he"``, ``"xavier"``,
            ``"lecun"``.
        cheapest: of an act: the cheapest act of like shape, its own name where it is that one;
            ``""`` where none is known.
    """

    name: str
    kind: str
    act: str = ""
    role: str = "hidden"
    path: str = ""
    layer: str = ""
    index: int = 0
    order: int = 0
    units: int = 0
    file: str = ""
    line: int = 0
    smooth: bool = False
    rectifies: bool = False
    low: float = -math.inf
    high: float = math.inf
    max_slope: float | None = None
    leaks: bool = False
    passes: bool = False
    clips: bool = False
    rows: str = ""
    init: tuple[str, ...] = ()
    cheapest: str = ""

    @property
    def bounded(self) -> bool:
        """Whether the act has a least and a greatest output."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def cuts(self) -> bool:
        """Whether the act gives nothing at all for what is below zero (ReLU, unlike softplus)."""
        return self.rectifies and not self.smooth and self.low >= 0

    @property
    def squashes(self) -> bool:
        """Whether each output of the act lies between 0 and 1 on its own, as a probability does."""
        return self.max_slope is not None and self.low >= 0 and self.high <= 1

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Site:
        """Make a site of what JSON gives: a list for a tuple, None for no bound."""
        body = dict(data)
        for name, bound in (("low", -math.inf), ("high", math.inf)):
            if body.get(name, bound) is None:
                body[name] = bound
        body["init"] = tuple(body.get("init", ()))
        return cls(**body)

    @classmethod
    def of_act(cls, act: str, traits: Mapping[str, Any] | None, site: str = "") -> Site:
        """Make a site of an act that a fact names, with what the recording knew of the act."""
        return cls.from_json({"name": site, "kind": "act", **(traits or {}), "act": act})


@dataclass(frozen=True, slots=True)
class Series:
    """One stat at one site over steps: `values[i]` was measured at step `steps[i]`.

    Steps without a measurement are left out; a NaN or an infinity is a measurement.
    """

    steps: Ints  # (records,)
    values: Floats  # (records,)

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True, slots=True)
class Window:
    """The per-unit counters of one act site, added up over consecutive records.

    Attributes:
        first, last: the steps of the first and the last record in the window.
        records: how many records (each of another batch) were added up.
        samples: sampled rows per unit (for a convolution: positions), summed over records.
        fields: by name, one number a unit, shape ``(units,)``, on the records where it was
            measured: `record/measure/stats/window_fields.py` declares them (docs/stats.md).
    """

    first: int
    last: int
    records: int
    samples: int
    fields: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something recorded once, not measured over steps: structure, a criterion, an event.

    `kind` determines what `data` holds; `Trace` lists the kinds.
    """

    kind: str
    site: str = ""
    step: int = 0
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def event(self) -> bool:
        """Whether it happened at its step, and says nothing about a training that came later."""
        return self.kind in EVENTS


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything recorded of one run, as plain data.

    `series(site, stat)`: the stats of each kind of site are declared in `record/measure/stats/`,
    each with its formula, unit and axis; docs/stats.md has them as a table. Shares lie in [0, 1];
    an RMS is over all sampled entries.

    `facts_of(kind)`:

    ============== ===============================================================================
    criterion      the loss function: ``loss`` (``cross_entropy``, ``nll``, ``bce``,
                   ``bce_with_logits``, ``mse``, ``l1``, ``smooth_l1``, ``huber``, ``kl_div``,
                   ``unknown``), ``classes``, ``chance`` (the loss of the best constant guess, or
                   None), ``file``, ``line``; of the targets seen so far ``target_min``,
                   ``target_max``, ``target_whole`` (all whole numbers), ``target_distinct``
                   (values, up to 32), ``target_ones_max`` (ones in a row of zeros and ones),
                   ``target_drift`` (of their mean, in deviations within a batch),
                   ``target_returns`` (the share of late values that early batches had),
                   ``target_between`` (the share of their variance from batch to batch, beyond
                   chance), ``target_batches``, ``signed_weights`` (a policy gradient);
                   ``broadcast`` (prediction and target of other shapes, spread over each other);
                   ``rows_logsumexp_error`` (of ``nll``: max abs of log(sum(exp(row))))
    head           ``layer``; ``direct`` (only reshapes between the last act and the criterion);
                   ``acts`` between the head and the criterion, last applied last, each
                   ``{"act", "site", "file", "line", "traits"}`` (``traits``: what a `Site` has of
                   its act, see `Site.of_act`); ``rows_sum_error`` max abs(sum - 1) of
                   the rows that reach the criterion, ``rows_min`` their least entry (None where
                   they could not be read); ``guarded``: between a logarithm and the last act that
                   is no clamp, ``clamp`` and ``renormalised`` (divided by their sum), None where
                   something else is; an act that cuts has its ``low`` and ``high``; ``reach``
                   (least and greatest value, None where there is no limit) of the operations
                   ``reach_by`` together
    single-norm    a division of values by their own norm over an axis of one entry: ``shape``,
                   ``ends`` (no layer follows), ``file``, ``line``
    affine-pair    two affine maps with nothing but affine operations between: ``first``,
                   ``second`` (layer names), ``shape`` [in, mid, out], ``between`` (operations),
                   ``additivity_error`` (relative, on sampled rows; None where it could not be
                   replayed), ``exempt`` (a reason, or None), ``file``, ``line``
    act-name       of `relume check`, an act that a configuration names: ``key``, ``named``,
                   ``found``, ``difference`` (the largest between the two functions on [-12, 12])
    act-pair       an act fed by another with only reshapes, pooling or dropout between:
                   ``first``, ``second`` (act names), ``first_traits``, ``second_traits`` (as of
                   a head's acts), ``role``, ``file``, ``line``
    softmax        ``act``, ``axis`` (from the front), ``shape``, ``batch`` (rows of the data),
                   ``role``, ``ends`` (of an axis of one entry: no layer follows), ``implicit``
                   (the call names no axis; None: its source was not read), ``file``, ``line``
    path           ``before``: the sites before this act or head on a path of the graph, with no
                   other site between (one fact for each graph in which they differ)
    act-cost       a benchmark after `relume run`: ``seconds``, ``cheapest_seconds``, ``cheapest``,
                   ``shape``
    precision      ``dtype`` and ``shape`` of what an act kept, when it was first seen
    dropout        the layer before a dropout: ``keep`` (the share of values that pass),
                   ``units``, ``file``, ``line``
    no-curvature   a second derivative that is asked for and is zero everywhere: ``acts`` (through
                   which the first was taken), ``entries``, ``file``, ``line``
    attention      its form: ``heads``, ``size`` (features of a head), ``scale`` (the factor on
                   q.k; None where it is no single number), ``capped``, ``fused``
    router         a choice among experts: ``experts``, ``picks`` (chosen for each row)
    opaque         an operation that hides its acts: ``operation``, ``reason``, ``remedy``
    parameter      ``shape``, ``zero_init`` (all zero at the first record), ``trainable``,
                   ``before_norm`` (a bias whose gradient is structurally zero), ``weight_decay``;
                   where it is sharded over ranks, ``shard``: how many elements this one holds
    non-finite     first record with NaN or infinity: ``stat``
    origin         what made the first such value: ``phase`` (``update``, ``forward``,
                   ``backward``), ``operation``, ``least`` and ``most`` of what entered it, ``bad``
                   of ``entries`` that came out not finite (of a slope: in backward), ``dtype``,
                   ``module``, ``file``, ``line``, ``certain``; of an update ``eps``, ``lr``
    failed-step    the step on which the program raised: ``error``, ``loss`` (the criterion that
                   raised, ``""`` for the forward pass), ``call`` (its function), ``given`` (of
                   each argument: ``name``, ``shape``, ``type``, ``share`` that is not finite,
                   ``min``, ``max``), ``file``, ``line``
    error          a part of the recorder that failed and was switched off: ``where``, ``text``
    turn           an optimiser that takes turns with others: ``loss`` (its series at ``""``),
                   ``optimizer`` (class), ``model`` (the module that holds what it steps),
                   ``reaches`` (the other ones' series whose parameters its loss depends on),
                   ``regresses`` (its loss is a distance to targets of many values), ``scored``
                   (its loss has a criterion, unlike an actor's)
    wiring         of a parameter: ``held`` (an optimiser holds it), ``named`` (a module registers
                   it), ``called`` (that module ran), ``audits`` (steps looked at), ``in_graph``,
                   ``reached``, ``zero`` (of them, with it in the loss's graph, with a gradient
                   that is not zero, with one that is), ``late`` (without one after a weight
                   moved), ``windows`` and ``uncleared`` (steps, and those that still had the
                   former gradient), ``window_steps``, ``moved``, ``unchanged_share`` (entries
                   equal bit by bit to the first ones), ``cut`` (an operation without a slope),
                   ``shape``, ``dtype``, ``optimizer``, ``lr``, ``eps``, ``decay``, ``file``,
                   ``line``. Of data that are not finite: ``what`` (``input``, ``target``),
                   ``share``, ``rows``, ``bad_rows``, ``first_row``, ``value``. At ``remade``:
                   ``times``, ``leaves``, ``shapes``. At ``""``: ``backwards``, ``waiting``
                   (parameters of optimisers that never stepped), ``moved``
    signal         at ``rows``, of the first ``batches``: ``share`` (the least) of rows whose
                   gradient at the head is zero, ``zeroed`` (rows multiplied by zero); at
                   ``targets``: ``targets``, ``counted`` (not ignored), ``batches``, ``empty``
                   (none counts); at ``labels``, of one label to a row: ``labels`` (classes seen),
                   ``silent`` (those that never count), ``silent_rows``, ``rows``, ``batches``,
                   ``by`` (what leaves them out); at ``term N``, a term of the loss that
                   reaches no weight that trains: ``operand``, ``times``, ``file``, ``line``,
                   ``cut`` and ``cut_line`` (the call that cut it off, on another line); at
                   ``terms``: ``sums``
    update         of a weight, ``steps`` that were compared: ``tried`` (entries with a gradient),
                   ``lost`` (of them equal bit by bit after the step), ``eps_ratio`` (eps over the
                   median root of the mean squared gradient), ``optimizer``, ``lr``, ``eps``,
                   ``dtype``
    probe          of `relume check --probe`, at ``rows``: ``change`` (of other rows' outputs,
                   over their size), ``layer``, ``rows``; at ``overfit``: ``start``, ``end``,
                   ``steps``
    frozen         a weight that does not train from the start: ``fresh`` (it looks as it was
                   drawn), ``entries``
    cut            at the first of the weights before an operation without a slope: ``operation``,
                   ``leaves`` (all of them), ``file``, ``line``; ``plain``: the gradient is left
                   behind there (``.detach()``, ``.data``, ``.tolist()``, ``torch.no_grad()``)
    rows           at the place after which all rows of a batch are alike: ``how`` (``weights``,
                   ``act``, ``operation``), ``operation``, ``share`` (variance over rows over mean
                   square), ``before`` (that of the place before), ``records``, ``streak`` (of them,
                   the last ones in a row), ``last`` (step), ``file``, ``line``. At ``""``:
                   ``places``, ``least`` (share), ``records``, ``last``, ``ends`` (wide outputs that
                   no layer follows, under no criterion that is known: by site ``share``, ``alike``
                   (records in a row), ``since`` and ``last``)
    latents        ``what`` (``gaussian``, ``codes``, ``top-k``; ``units``: an act's are those of a
                   sparse autoencoder), ``units``, ``used``, ``most``, ``rows``, ``records``,
                   ``mean_act`` and ``log_variance_act`` (sites, "" where there is none)
    softmax-chain  a softmax of probabilities: ``classes``, ``file``, ``line``
    held-out       what the script printed of rows that it does not train on: ``name``, ``values``
                   (at most 50, in order), ``better`` (``min`` or ``max``), ``share`` (at most 1, or
                   100 in per cent)
    row-targets    rows that were known again: ``rows``, ``equal`` (to another one of their batch),
                   ``returned`` (in a later step), ``changed`` (of those, with another target),
                   ``strange`` (of those, with one that no row had before), ``other`` (the share
                   that would change by chance), ``last`` (step)
    target-network a network that runs without a gradient and has the shape of one that trains:
                   ``like`` (its name), ``records`` (on which it ran), ``changed`` (a weight did)
    time           of a recurrent layer: ``at`` (steps of the sequence), ``log10`` (norms of the
                   gradient there), ``decades``, ``growth``, ``now`` (``lost``, ``grown``), ``lost``
                   and ``grown`` (records), ``grown_since`` (step), ``length``, ``layer`` (class),
                   ``records``
    end            how the program ended: ``how`` (``normal``, ``exit``, ``exception``,
                   ``interrupt``), ``code``, ``text``
    ============== ===============================================================================

    `meta`: ``run``, ``script``, ``argv``, ``started`` (ISO 8601), ``torch``, ``python``,
    ``relume``, ``device``, ``pid`` and ``host`` (the process that records), ``budget``,
    ``steps`` (optimiser steps seen), ``records``,
    ``backwards`` (calls of backward seen), ``ended`` (``end`` in a word; absent after a kill),
    ``seconds`` (wall time of the steps), ``overhead`` (the recorder's own estimate, a share of
    wall time), ``children_seconds`` (processor time of child processes), ``optimizer`` (class
    name), ``optimizers`` (how many stepped), ``parameters`` (number of trainable scalars),
    ``looks_for`` (kinds of facts that the recorder looked for: the absence of such a fact means
    there is none), ``trainings`` (first steps of the trainings that follow one another in this
    run: folds, seeds, rates in a loop).
    """

    meta: Mapping[str, Any]
    sites: tuple[Site, ...] = ()
    table: Mapping[tuple[str, str], Series] = field(default_factory=dict[tuple[str, str], Series])
    units: Mapping[str, tuple[Window, ...]] = field(default_factory=dict[str, tuple[Window, ...]])
    facts: tuple[Fact, ...] = ()
    _known: dict[object, Any] = field(
        default_factory=dict[object, Any], init=False, repr=False, compare=False
    )

    def once(self, name: str, make: Callable[[], T]) -> T:
        """What `make` returns, computed once for this trace: rules ask for it at each site.

        Args:
            name: what it is; one name stands for one function of the trace.
            make: computes it.
        """
        if name not in self._known:
            self._known[name] = make()
        return self._known[name]

    def series(self, site: str, stat: str) -> Series | None:
        """The stat at the site over steps, or None where it was never measured."""
        return self.table.get((site, stat))

    def windows(self, site: str) -> tuple[Window, ...]:
        """The site's windows in the order of their steps; empty where there are none."""
        return self.units.get(site, ())

    def trainings(self) -> tuple[Trace, ...]:
        """The trainings in this run, each as a trace of its own; the trace itself where it is one.

        A script that trains one model after another (folds, seeds, rates in a loop) makes one
        recording; a loss, a counter or a gradient of one says nothing about another.
        """
        begins = [int(step) for step in self.meta.get("trainings") or (0,)]
        if len(begins) == 1:
            return (self,)
        ends = [*(step - 1 for step in begins[1:]), 2**62]
        parts = [self._between(first, last) for first, last in zip(begins, ends, strict=True)]
        lasting = [part for part in parts if part.table]
        return tuple(lasting) if len(lasting) > 1 else (self,)

    def _between(self, first: int, last: int) -> Trace:
        table: dict[tuple[str, str], Series] = {}
        for key, series in self.table.items():
            inside = (series.steps >= first) & (series.steps <= last)
            if inside.any():
                table[key] = Series(series.steps[inside], series.values[inside])
        units = {
            name: kept
            for name, windows in self.units.items()
            if (kept := tuple(w for w in windows if first <= w.first and w.last <= last))
        }
        measured = {site for site, _ in table} | set(units)
        sites = tuple(site for site in self.sites if site.name in measured)
        facts = tuple(f for f in self.facts if f.step <= last and (f.step >= first or not f.event))
        return Trace({**self.meta, "first": first, "last": last}, sites, table, units, facts)

    def sites_of(self, kind: str, *roles: str) -> tuple[Site, ...]:
        """The sites of a kind and of these roles (all if none is given), in forward order."""
        found = (s for s in self.sites if s.kind == kind and (not roles or s.role in roles))
        return self.once(f"sites of {kind} {roles}", lambda: tuple(found))

    def site(self, name: str) -> Site | None:
        """The site of that name, or None."""
        return self.once("sites", lambda: {s.name: s for s in reversed(self.sites)}).get(name)

    def facts_of(self, kind: str) -> tuple[Fact, ...]:
        """The facts of a kind, in the order in which they were recorded."""
        return self._facts().get((kind, None), ())

    def facts_at(self, kind: str, site: str) -> tuple[Fact, ...]:
        """The facts of a kind at a site, in the order in which they were recorded."""
        return self._facts().get((kind, site), ())

    def _facts(self) -> Mapping[tuple[str, str | None], tuple[Fact, ...]]:
        """The facts by kind, and by kind and site."""

        def sort() -> dict[tuple[str, str | None], tuple[Fact, ...]]:
            lists: dict[tuple[str, str | None], list[Fact]] = {}
            for fact in self.facts:
                lists.setdefault((fact.kind, None), []).append(fact)
                lists.setdefault((fact.kind, fact.site), []).append(fact)
            return {key: tuple(each) for key, each in lists.items()}

        return self.once("facts", sort)
