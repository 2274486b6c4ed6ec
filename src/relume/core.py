"""The nouns that every room shares: frozen dataclasses, standard library only.

`record` makes a `Trace`, `rules` read it and yield `Finding`s, `diagnosis` orders them into a
`Diagnosis`, `report` draws that. Nothing here computes more than a look-up.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, cast

from relume.errors import DiagnosisError
from relume.registry import lookup

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

Value = float | int | str | bool | None
"""What a piece of evidence may be: something that JSON can carry."""


class Severity(IntEnum):
    """How much a finding matters. A `FACT` is never harm; `WARNING` and above fail a run."""

    FACT = 0
    NOTE = 1
    WARNING = 2
    ERROR = 3

    def __str__(self) -> str:
        return self.name.lower()

    @classmethod
    def named(cls, word: str | Severity) -> Severity:
        """The severity of that name.

        Raises:
            UnknownNameError: there is none; the message names the nearest.

        Example:
            >>> Severity.named("error") > Severity.named("warning")
            True
        """
        return lookup(str(word).lower(), {str(level): level for level in cls}, "severity")


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
            judges), ``"input"`` (the data entering the first affine layer), ``"parameter"``.
        act: the act's name (``"relu"``); ``"identity"`` for a head, ``""`` otherwise.
        role: of an act: ``"hidden"``, ``"output"`` (between the head and the loss), ``"gate"``
            (multiplied with another signal), ``"attention"`` (weights of a weighted sum).
        path: qualified name of the module whose forward made the call, ``""`` for the root.
        layer: qualified name of the affine or norm layer that feeds the site, ``""`` if none.
        index: how many calls of this act in this module came before, in one forward.
        order: position in the forward pass, counted over all sites of the run.
        units: number of units (size of the unit axis); 0 where that means nothing.
        file, line: where the call stands in the user's source; ``""`` and 0 if unknown.
        smooth: of an act: its slope bends and is nowhere exactly zero, so a zero is rounding.
        rectifies: of an act: its low side falls silent by design (ReLU, GELU), as sigmoid's does
            not.
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


@dataclass(frozen=True, slots=True)
class Series:
    """One stat at one site over steps. `values[i]` was measured at step `steps[i]`; no NaN
    stands for "not measured" (such steps are left out), infinities and NaN are measurements."""

    steps: Ints  # (records,)
    values: Floats  # (records,)

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True, slots=True)
class Window:
    """Per-unit counters of one act site, added up over consecutive records.

    Attributes:
        first, last: the steps of the first and the last record in the window.
        records: how many records (each of another batch) were added up.
        samples: sampled rows per unit (for a convolution: positions), summed over records.
        fields: by name, one number a unit, shape ``(units,)``:
            ``active`` samples with a slope that is not zero; ``low``, ``high`` samples with
            abs slope below 5 % of the act's largest slope, below and above its steepest point;
            ``post_sum``, ``post_sumsq``, ``post_max``, ``post_min`` of the act's output;
            ``grad_abs_sum`` of abs dL/dpre; ``pre_n``, ``pre_sum``, ``pre_sumsq``, ``pre_max``
            of its input, on the records where that could be read (``pre_n`` samples of it).
            Where the act has them: ``slope_max`` the largest abs slope over the act's largest, 0.05
            at most (smooth acts: a unit with more is not flat); ``above`` samples above the kink
            (acts of two pieces that both have a slope); ``out_norm`` of the weights that take the
            unit's output (smooth hidden acts), on every eighth record, of wide layers from a
            sample of their rows;
            ``top`` samples on which the output is the largest of a softmax that gates (there it is
            the only one).
    """

    first: int
    last: int
    records: int
    samples: int
    fields: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something seen once rather than measured over steps: structure, a criterion, an event.

    `kind` names it and says what `data` holds; `Trace` lists the kinds.
    """

    kind: str
    site: str = ""
    step: int = 0
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything of one run, as plain data.

    `series(site, stat)` by site kind (shares in [0, 1], RMS over all sampled elements):

    ======== =====================================================================================
    act      ``silent_unit_share`` units whose slope was 0 on every sampled row of the record;
             ``zero_slope_share``, ``flat_share_low``, ``flat_share_high`` share of elements (see
             `Window`); ``flat_unit_share_low``, ``flat_unit_share_high`` share of units flat on
             that side for >= 90 % of the rows; ``post_mean``, ``post_rms``, ``pre_mean``,
             ``pre_rms``, ``pre_absmax``; ``grad_post_rms`` of dL/dpost, ``grad_pre_rms`` of
             dL/dpre; ``nonfinite_share`` of the output; ``affine_residual_share`` of the
             variance of post what the best straight line in pre leaves over, all units together
             (smooth acts); ``nonfinite_swallowed_share`` of entries NaN on the way in and a number
             on the way out, on records where there are any (choices by a comparison, on a CPU)
    head     ``pre_rms``, ``pre_absmax``, ``grad_pre_rms``, ``nonfinite_share`` of its output
    input    ``mean_energy_share`` nu = norm(E x)^2 / E norm(x)^2 over all rows so far, 1 at most;
             ``rms``; ``samples`` rows so far; ``eigen_ratio`` lambda_1 / mean(lambda_2..50) of
             E x x^T, once, over the rows kept; ``feature_std_max_over_median`` over all rows so
             far, features that are constant left out
    parameter ``weight_norm``, ``grad_norm`` (before clipping), ``update_ratio`` =
             norm(W_after - W_before) / norm(W_before); ``row_cosine_min`` least cosine between
             the first row and the others, at the first record, and later where it began above
             0.999; ``grad_nonfinite_share`` of the gradient's entries, from the first record on
             which one was not finite (on a CPU; elsewhere the norm shows it); ``update_cosine``
             between the update of every fourth record and the next one, written a record later
    ""       ``loss``, ``learning_rate`` (largest of the groups), ``step_seconds``; every step.
             Where several optimisers take turns with losses of their own (a GAN) these are the
             first one's, which begins each iteration; ``loss_2``, ``learning_rate_2`` and so on
             the others' (fact ``turn``)
    ======== =====================================================================================

    `facts_of(kind)`:

    ============== ===============================================================================
    criterion      how the loss judges: ``loss`` (``cross_entropy``, ``nll``, ``bce``,
                   ``bce_with_logits``, ``mse``, ``l1``, ``smooth_l1``, ``huber``, ``kl_div``,
                   ``unknown``), ``classes``, ``chance`` (the loss of the best constant guess, or
                   None), ``file``, ``line``; of the targets seen so far ``target_min``,
                   ``target_max``, ``target_whole`` (all whole numbers), ``target_distinct``
                   (values, up to 32), ``target_ones_max`` (ones in a row of zeros and ones);
                   ``broadcast`` (prediction and target of other shapes, spread over each other);
                   ``rows_logsumexp_error`` (of ``nll``: max abs of log(sum(exp(row))))
    head           ``layer``; ``direct`` (only reshapes between the last act and the criterion);
                   ``acts`` between the head and the criterion, last applied last, each
                   ``{"act", "site", "file", "line"}``; ``rows_sum_error`` max abs(sum - 1) of
                   the rows that reach the criterion, ``rows_min`` their least entry (None where
                   they could not be read); ``guarded``: between a logarithm and the last act that
                   is no clamp, ``clamp`` and ``renormalised`` (divided by their sum), None where
                   something else is; an act that cuts has its ``low`` and ``high``
    affine-pair    two affine maps with nothing but affine operations between: ``first``,
                   ``second`` (layer names), ``shape`` [in, mid, out], ``between`` (operations),
                   ``additivity_error`` (relative, on sampled rows; None where it could not be
                   replayed), ``exempt`` (a reason, or None), ``file``, ``line``
    act-pair       an act fed by another with only reshapes, pooling or dropout between:
                   ``first``, ``second`` (act names), ``role``, ``file``, ``line``
    softmax        ``act``, ``axis`` (from the front), ``shape``, ``batch`` (rows of the data),
                   ``role``, ``implicit`` (the call names no axis; None: its source was not
                   read), ``file``, ``line``
    act-cost       a benchmark after `relume run`: ``seconds``, ``cheapest_seconds``, ``cheapest``,
                   ``shape``
    precision      ``dtype`` and ``shape`` of what an act kept, when it was first seen
    opaque         an operation that hides its acts: ``operation``, ``reason``, ``remedy``
    parameter      ``shape``, ``zero_init`` (all zero at the first record), ``trainable``,
                   ``before_norm`` (a bias whose gradient is structurally zero), ``weight_decay``;
                   where it is sharded over ranks, ``shard``: how many elements this one holds
    non-finite     first record with NaN or infinity: ``stat``
    error          something of ours that failed and was switched off: ``where``, ``text``
    turn           an optimiser that takes turns with others: ``loss`` (its series at ``""``),
                   ``optimizer`` (class), ``model`` (the module that holds what it steps),
                   ``reaches`` (the other ones' series whose parameters its loss depends on)
    end            how the program ended: ``how`` (``normal``, ``exit``, ``exception``,
                   ``interrupt``), ``code``, ``text``
    ============== ===============================================================================

    `meta`: ``run``, ``script``, ``argv``, ``started`` (ISO 8601), ``torch``, ``python``,
    ``relume``, ``device``, ``pid`` and ``host`` (the process that records), ``budget``,
    ``steps`` (optimiser steps seen), ``records``,
    ``backwards`` (calls of backward seen), ``ended`` (``end`` in a word; absent after a kill),
    ``seconds`` (wall time of the steps), ``overhead`` (the recorder's own estimate, a share of
    wall time), ``optimizer`` (class name), ``optimizers`` (how many stepped), ``parameters``
    (number of trainable scalars), ``looks_for`` (kinds of facts that were looked for, so that
    none of them means none).
    """

    meta: Mapping[str, Any]
    sites: tuple[Site, ...] = ()
    table: Mapping[tuple[str, str], Series] = field(default_factory=dict[tuple[str, str], Series])
    units: Mapping[str, tuple[Window, ...]] = field(default_factory=dict[str, tuple[Window, ...]])
    facts: tuple[Fact, ...] = ()

    def series(self, site: str, stat: str) -> Series | None:
        """The stat at the site over steps, or None where it was never measured."""
        return self.table.get((site, stat))

    def windows(self, site: str) -> tuple[Window, ...]:
        """The site's windows in the order of their steps; empty where there are none."""
        return self.units.get(site, ())

    def sites_of(self, kind: str, *roles: str) -> tuple[Site, ...]:
        """The sites of a kind, in forward order, of the given roles (all if none is given)."""
        return tuple(s for s in self.sites if s.kind == kind and (not roles or s.role in roles))

    def site(self, name: str) -> Site | None:
        """The site of that name, or None."""
        return next((s for s in self.sites if s.name == name), None)

    def facts_of(self, kind: str) -> tuple[Fact, ...]:
        """The facts of a kind, in the order in which they were seen."""
        return tuple(f for f in self.facts if f.kind == kind)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The numbers behind a finding; its message can quote nothing else.

    Attributes:
        stat: the name of the measured stat, which is its formula and unit.
        value: what was measured.
        threshold: the limit it crossed (None for a fact).
        samples: how many samples, rows or records stand behind `value`.
        more: further numbers and words that the message quotes, by name.
        curve: `(step, value)` pairs for a sparkline, at most 64.
    """

    stat: str
    value: float
    threshold: float | None = None
    samples: int = 0
    more: Mapping[str, Value] = field(default_factory=dict[str, Value])
    curve: tuple[tuple[int, float], ...] = ()

    def quotable(self) -> dict[str, Value]:
        """Everything that a message may name."""
        own = {"value": self.value, "threshold": self.threshold, "samples": self.samples}
        return {**self.more, **own}


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule's claim about a site.

    Attributes:
        code, name: of the rule (``"ACT401"``, ``"dead-units"``).
        severity: after what the run's outcome allows; `raw_severity` is what the rule said.
        site: a qualified name, or ``""`` for the whole model.
        steps: first and last step for which it holds.
        text: the message, as a format string over the evidence, ``{site}`` and ``{place}``.
        cure: the first rung of the ladder, in words.
        explains, explained_by: keys of other findings of the same diagnosis.
        cleared: it held earlier and no longer did when the run ended.
    """

    code: str
    name: str
    severity: Severity
    site: str
    steps: tuple[int, int]
    text: str
    evidence: Evidence
    cure: str = ""
    layer: str = ""
    file: str = ""
    line: int = 0
    explains: tuple[str, ...] = ()
    explained_by: tuple[str, ...] = ()
    cleared: bool = False
    raw_severity: Severity | None = None

    @property
    def key(self) -> str:
        """Unique in a diagnosis: code and site."""
        return f"{self.code}@{self.site}"

    @property
    def message(self) -> str:
        """The claim as a sentence, with its numbers taken from the evidence."""
        site = self.site or "the model"
        return self.text.format(site=site, place=self.place, **self.evidence.quotable())

    @property
    def place(self) -> str:
        """The site for a sentence, with its act and its layer: ``relu() after fc1``."""
        act = str(self.evidence.more.get("act", ""))
        named = f"{self.site} ({act})" if act and act not in self.site else self.site
        after = f" after {self.layer}" if self.layer and self.layer != self.site else ""
        return f"{named}{after}" if self.site else "the model"


@dataclass(frozen=True, slots=True)
class Checked:
    """A rule looked and found nothing: what it measured, in words with the numbers."""

    code: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class NotChecked:
    """A rule could not look: where, why, and what would let it."""

    code: str
    name: str
    site: str
    reason: str
    remedy: str = ""


Result = Finding | Checked | NotChecked


@dataclass(frozen=True, slots=True)
class Rule:
    """A check and its page.

    Attributes:
        code, name: ``"ACT401"``, ``"dead-units"``; one meaning each, for ever.
        page: the product text, the docstring of the rule's file.
        check: reads a trace and yields findings, what is fine, and what could not be checked;
            at least one result for any trace.
        sign: a symptom that harms only if the run fares badly. On a run that learns a sign is
            a `NOTE` at most; a fault of structure or of the loss keeps its severity.
        explains: codes that this rule's finding can be the cause of.
        upstream: it explains only sites further along the forward pass, or its own.
    """

    code: str
    name: str
    page: str
    check: Callable[[Trace], Iterator[Result]]
    sign: bool = True
    explains: tuple[str, ...] = ()
    upstream: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the run fared, judged from its loss alone, before any sign is read.

    Attributes:
        name: ``learning``, ``converged``, ``plateaued``, ``stalled`` (at chance), ``diverged``,
            ``oscillating``, ``too-short`` or ``no-loss``; of models trained against each other
            ``balanced`` or ``one-sided``; ``several-losses`` where their losses are not told apart.
        text: one sentence with the numbers.
        numbers: start, end, chance and noise of the loss.
    """

    name: str
    text: str
    numbers: Mapping[str, Value] = field(default_factory=dict[str, Value])


@dataclass(frozen=True, slots=True)
class Silenced:
    """A finding that somebody asked not to hear of: it counts for nothing, and is not lost.

    Attributes:
        finding: as it was judged, with its causes and symptoms.
        by: ``"comment"`` (on its source line), ``"config"`` (a per-site ignore) or ``"baseline"``.
        where: the place of that: ``"train.py:8"``, or a file.
        reason: why, in the words of whoever silenced it; empty if not said.
        root: key of the silenced finding that it is a symptom of, where that is why.
    """

    finding: Finding
    by: str
    where: str = ""
    reason: str = ""
    root: str = ""


SCHEMA = 1
"""Version of a diagnosis as JSON: one more when a field goes away or changes its meaning."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Findings in the order of cause, what was checked and is fine, what could not be checked.

    `suppressed` holds what a comment, the configuration or a baseline silenced.
    """

    findings: tuple[Finding, ...]
    checked: tuple[Checked, ...]
    not_checked: tuple[NotChecked, ...]
    outcome: Outcome
    ruled_out: tuple[Checked, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])
    suppressed: tuple[Silenced, ...] = ()

    @property
    def roots(self) -> tuple[Finding, ...]:
        """The findings that nothing else here explains."""
        return tuple(f for f in self.findings if not f.explained_by)

    @property
    def ok(self) -> bool:
        """Nothing of `warning` or above."""
        return all(f.severity < Severity.WARNING for f in self.findings)

    def raise_if(self, severity: str | Severity = Severity.WARNING) -> None:
        """Raise if there is a finding of `severity` or above: one line for a test suite.

        Args:
            severity: ``"note"``, ``"warning"`` or ``"error"``; a fact is never harm.

        Raises:
            DiagnosisError: there is; its text is the story, its `diagnosis` this object.
            UnknownNameError: no such severity.

        Example:
            >>> fine = Diagnosis((), (), (), Outcome("learning", "The run learns."))
            >>> fine.raise_if("warning")
        """
        limit = max(Severity.named(severity), Severity.NOTE)
        many = sum(f.severity >= limit for f in self.findings)
        if many:
            above = "" if limit is Severity.ERROR else " or above"
            head = f"{many} finding{'s' * (many > 1)} of {limit}{above}"
            raise DiagnosisError(f"{head}\n{self}", self)

    def symptoms_of(self, root: Finding) -> tuple[Finding, ...]:
        """The findings that `root` explains, in order."""
        return tuple(f for f in self.findings if root.key in f.explained_by)

    def __str__(self) -> str:
        """The story in plain lines: the outcome, each root cause, what it explains, its cure."""
        lines = [self.outcome.text]
        for root in (f for f in self.roots if f.severity > Severity.FACT):
            where = f" at {root.site}" if root.site else ""
            source = f" ({root.file}:{root.line})" if root.file else ""
            lines.append(f"{root.severity}: {root.code} {root.name}{where}{source}")
            lines.append(f"  {root.message}")
            names = dict.fromkeys(f"{f.name} at {f.site}" for f in self.symptoms_of(root))
            if names:
                lines.append(f"  which explains {', '.join(names)}")
            if root.cure:
                lines.append(f"  try first: {root.cure}")
        if self.ok:
            lines.append("Nothing of warning or above was found.")
        # names and messages are data: no control character of theirs reaches a terminal
        return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in lines)

    def _repr_html_(self) -> str:
        """What a notebook shows: the story, self-contained."""
        from relume.report.cell import cell  # drawing is the report's, and only when asked

        return cell(self)

    def to_json(self, *, indent: int | None = 2) -> str:
        """The diagnosis as JSON, under the names of its attributes."""
        return json.dumps(plain(self), indent=indent, ensure_ascii=False)


Details = Mapping[str, Value | tuple[Value, ...]]


@dataclass(frozen=True, slots=True)
class Measured:
    """One property of an act, as it was found here and now.

    Attributes:
        value: the number, word or flag; None: it does not apply, or could not be measured, and
            `note` says why.
        error: a bound on abs(value - truth), or the half-width of a 95 % interval; None where
            the value is a word or a count.
        note: what must be known beside the value, in one line.
        details: further numbers by name.
        dtype: in which the act was evaluated.
        name, title, unit, group, better, method: of the property: its key, its words, its unit,
            the section of the card, which way is better (``"low"``, ``"high"`` or ``""`` where
            that has no meaning), and how it is measured.
    """

    value: Value
    error: float | None = None
    note: str = ""
    details: Details = field(default_factory=dict[str, Any])
    dtype: str = "float64"
    name: str = ""
    title: str = ""
    unit: str = ""
    group: str = ""
    better: str = ""
    method: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """Value and slope of an act over `z`, ascending; empty where it has no slope of one element."""

    z: tuple[float, ...] = ()
    value: tuple[float, ...] = ()
    slope: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """What an act measurably is, on one machine and build.

    Attributes:
        act: its name, with those parameters that are not its defaults.
        family, formula, year, reference, kink: from the act's record.
        parameters: names and values; `learnable` names those that training learns.
        matches: the framework's names for it.
        machine: the processor, the number of threads, the system.
        torch, relume: the versions.
        measured: the properties by name, in the order of the card.
        curve: value and slope over the middle of the line.
    """

    act: str
    family: str
    formula: str
    year: int
    reference: str
    kink: str
    parameters: Mapping[str, Value]
    learnable: tuple[str, ...]
    matches: tuple[str, ...]
    machine: Mapping[str, Value]
    torch: str
    relume: str
    measured: Mapping[str, Measured]
    curve: Curve = field(default_factory=Curve)

    def __getitem__(self, name: str) -> Measured:
        return self.measured[name]

    def __str__(self) -> str:
        """The card in plain lines: what the act is, then each section with its properties."""
        lines = [f"{self.act}: f(z) = {self.formula}", f"{self.family}, {self.year or 'undated'}"]
        lines[1] += f", {self.reference}" if self.reference else ""
        group = ""
        for one in self.measured.values():
            if one.group != group:
                group = one.group
                lines += ["", group]
            note = f"  ({one.note})" if one.note else ""
            lines.append(f"  {one.title:<34} {_written(one)}{note}")
        lines += ["", f"torch {self.torch}, {', '.join(str(v) for v in self.machine.values())}"]
        return "\n".join("".join(c if c.isprintable() else "?" for c in line) for line in lines)

    def to_json(self, *, indent: int | None = 2) -> str:
        """The card as JSON, under the names of its attributes."""
        return json.dumps(plain(self), indent=indent, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Card:
        """The card that `to_json` wrote.

        Raises:
            ValueError: `text` is something else, or damaged.
        """
        try:
            data = json.loads(text)
            pairs: dict[str, Any] = {f.name: _revived(data[f.name]) for f in fields(cls)}
            kept = {name: Measured(**one) for name, one in pairs["measured"].items()}
            pairs |= {"measured": kept, "curve": Curve(**pairs["curve"])}
            card = cls(**pairs)
            str(card)  # touches every field that a reader needs
            whole = len(card.curve.z) == len(card.curve.value) == len(card.curve.slope)
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"no card: {type(error).__name__} {error}") from None
        if not (whole and all(name == one.name for name, one in kept.items())):
            raise ValueError("no card: its parts do not belong together")
        return card


def _written(one: Measured) -> str:
    if one.value is None:
        return "not applicable"
    if isinstance(one.value, bool):
        return "yes" if one.value else "no"
    if not isinstance(one.value, float):
        return f"{one.value} {one.unit}".rstrip()
    error = f" ± {one.error:.1g}" if one.error else ""
    return f"{one.value:.6g}{error} {one.unit}".rstrip()


def _revived(value: Any) -> Any:
    """What `plain` made of tuples and of numbers that JSON does not have, made good again."""
    if isinstance(value, str) and value in ("inf", "-inf", "nan"):
        return float(value)
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value)
        return {name: _revived(item) for name, item in pairs.items()}
    if isinstance(value, list):
        return tuple(_revived(item) for item in cast("list[Any]", value))
    return value


def plain(value: object) -> Any:
    """Nouns as what JSON can carry: severities by name, non-finite numbers as strings."""
    if isinstance(value, Severity):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        pairs: dict[str, Any] = {f.name: getattr(value, f.name) for f in fields(value)}
        if isinstance(value, Finding):
            pairs |= {"message": value.message, "key": value.key}
        if isinstance(value, Diagnosis):
            roots = [finding.key for finding in value.roots]
            pairs = {"schema": SCHEMA, **pairs, "ok": value.ok, "roots": roots}
        return {name: plain(item) for name, item in pairs.items()}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast("Mapping[Any, Any]", value).items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in cast("list[Any]", value)]
    return value
