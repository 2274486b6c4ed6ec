"""Run one case, and hold its diagnosis against what it should say."""

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from zoo_nets import Setup

import relume
from relume.core import Diagnosis, Finding, Severity

EVERY = 3  # steps between records: 80 records and 5,120 rows in a run, and the same on any machine


@dataclass(frozen=True)
class Case:
    """One training, broken or healthy.

    Attributes:
        family: the fault, or the kind of healthy training.
        make: builds it.
        optimizer: sgd, momentum, adam or adamw.
        codes: root causes that are right; empty for a healthy one.
        site: a pattern that the site, or the layer before it, must match.
        part: ``tune``, ``hold`` or ``fresh``.
        twin: of a broken one, the healthy training that it was made from.
    """

    family: str
    arch: str
    act: str
    optimizer: str
    seed: int
    make: Callable[[], Setup]
    codes: tuple[str, ...] = ()
    site: str = ""
    part: str = "tune"
    twin: Callable[[], Setup] | None = None

    @property
    def name(self) -> str:
        return f"{self.family}-{self.arch}-{self.act}-{self.optimizer}-{self.seed}"


@dataclass(frozen=True)
class Verdict:
    """What came out: `right` for a broken case named at its root, or a healthy one left alone.

    `noted`: the run does as well as its healthy twin, so it is no broken training, and the right
    root was told at the right site as a note.
    """

    case: Case
    right: bool
    symptoms: tuple[str, ...]
    told: tuple[str, ...]
    outcome: str
    noted: bool = False


def optimizer_of(case: Case, setup: Setup) -> torch.optim.Optimizer:
    rate, decay = setup.rates[case.optimizer], setup.decay
    given = setup.parameters or [p for p in setup.model.parameters() if p.requires_grad]
    if case.optimizer == "adam":
        return torch.optim.Adam(given, rate, weight_decay=decay)
    if case.optimizer == "adamw":
        return torch.optim.AdamW(given, rate, weight_decay=decay)
    return torch.optim.SGD(
        given, rate, 0.9 if case.optimizer == "momentum" else 0.0, weight_decay=decay
    )


def train(setup: Setup, optimizer: torch.optim.Optimizer, seed: int) -> None:
    """The loop that every case shares; some bring their own as `model.train_loop`."""
    draw = torch.Generator().manual_seed(seed)
    loop = getattr(setup.model, "train_loop", None)
    for step in range(setup.steps):
        setup.before(step, optimizer)
        pick = torch.randint(len(setup.x), (setup.batch,), generator=draw)
        if loop is not None:
            loop(setup.x[pick], setup.y[pick], optimizer)
            continue
        optimizer.zero_grad()
        setup.loss(setup.model(setup.x[pick]), setup.y[pick]).backward()
        optimizer.step()


MARGIN = 0.1  # of accuracy, or of the variance explained: fixed before any run was measured


def quality(setup: Setup) -> float:
    """Share of rows that are classified rightly, or of the variance that is explained."""
    with torch.no_grad():
        out = setup.model(setup.x)
        if setup.classes > 1:
            return float((out.argmax(1) == setup.y).float().mean())
        if setup.classes == 1:
            return float(((out > 0) == (setup.y > 0.5)).float().mean())
        return float(
            1 - (out - setup.y).square().mean() / (setup.y - setup.y.mean()).square().mean()
        )


def as_good_as_healthy(case: Case) -> bool:
    """Whether the run ends no more than `MARGIN` below its twin of the same seed."""
    found: list[float] = []
    for make in (case.make, case.twin):
        if make is None:
            return False
        torch.manual_seed(case.seed)
        setup = make()
        train(setup, optimizer_of(case, setup), case.seed)
        found.append(quality(setup))
    return found[1] - found[0] <= MARGIN  # what is not a number is not as good


def diagnosed(case: Case) -> Diagnosis:
    """Train the case under `relume.watch`, and ask."""
    torch.manual_seed(case.seed)
    setup = case.make()
    assert isinstance(setup.model, nn.Module)
    optimizer = optimizer_of(case, setup)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.sqlite"
        with relume.watch(setup.model, every=EVERY, path=path) as run:
            train(setup, optimizer, case.seed)
        return run.diagnose()


def judged(case: Case) -> Verdict:
    """Right or not: a root of `warning` or above with one of the codes at the right site; and the
    other roots that were told as causes of their own."""
    diagnosis = diagnosed(case)
    loud = [f for f in diagnosis.roots if f.severity >= Severity.WARNING]
    told = tuple(f"{f.key} {f.severity}" for f in loud)
    if not case.codes:
        wrong = [f.key for f in diagnosis.findings if f.severity >= Severity.WARNING]
        return Verdict(case, not wrong, tuple(wrong), told, diagnosis.outcome.name)
    hits = [f for f in loud if f.code in case.codes and fits(f, case.site)]
    symptoms = tuple(f.key for f in loud if f.code not in case.codes)
    if not hits:
        quiet = [f"({f.key} {f.severity})" for f in diagnosis.findings if f.code in case.codes]
        told += tuple(quiet)
    mild = [f for f in diagnosis.roots if f.severity == Severity.NOTE and f.code in case.codes]
    mild = [f for f in mild if fits(f, case.site)]
    noted = not hits and bool(mild) and as_good_as_healthy(case)
    return Verdict(case, bool(hits), symptoms, told, diagnosis.outcome.name, noted)


def fits(finding: Finding, pattern: str) -> bool:
    """Whether the finding stands at the right site; the model as a whole is right anywhere."""
    places = (finding.site, finding.layer)
    return not pattern or any(re.search(pattern, place) for place in places)


def wilson(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927).

    >>> tuple(round(x, 3) for x in wilson(97, 100))
    (0.915, 0.99)
    """
    if not count:
        return 0.0, 1.0
    share, over = hits / count, z * z / count
    middle = (share + over / 2) / (1 + over)
    half = z * ((share * (1 - share) + over / 4) / count) ** 0.5 / (1 + over)
    return max(0.0, middle - half), min(1.0, middle + half)


def rows(verdicts: Sequence[Verdict]) -> list[str]:
    """The table by family, then the misses."""
    lines = ["| part | family | cases | right | 95 % interval | of broken trainings | symptom |"]
    lines.append("|---|---|---|---|---|---|---|")
    keys = dict.fromkeys((v.case.part, not v.case.codes, v.case.family) for v in verdicts)
    groups = [
        (p, f, [v for v in verdicts if (v.case.part, v.case.family) == (p, f)])
        for p, _, f in sorted(keys)
    ]
    for part in dict.fromkeys(v.case.part for v in verdicts):
        mine = [v for v in verdicts if v.case.part == part]
        groups.append((part, "ALL broken", [v for v in mine if v.case.codes]))
        groups.append((part, "ALL healthy", [v for v in mine if not v.case.codes]))
    for part, family, some in groups:
        right = sum(v.right for v in some)
        low, high = wilson(right, len(some))
        also = sum(bool(v.symptoms) for v in some if v.case.codes)
        noted = sum(v.noted for v in some)
        lines.append(
            f"| {part} | {family} | {len(some)} | {right} | {low:.3f} to {high:.3f} "
            f"| {right} of {len(some) - noted} | {also} |"
        )
    misses = [v for v in verdicts if not v.right or v.symptoms]
    lines += ["", "Missed, loud, or with a symptom told as a cause:"]
    for v in misses:
        want = ", ".join(v.case.codes) or "nothing"
        lines.append(
            f"- {v.case.part} {v.case.name}: wanted {want}; {v.outcome}; "
            f"told {'; '.join(v.told) or 'nothing'}{' (does as well as its twin)' * v.noted}"
        )
    return lines
