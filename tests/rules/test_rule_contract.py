"""One suite for every rule, one row a rule: a trace just over, at and just under its threshold."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import faults
import numpy as np
import pytest
import signal_traces as signal
import wiring_traces as wiring
from traces import Build, dead, flat, healthy, sigmoids

from relume.core import Checked, Evidence, Finding, NotChecked, Rule, Severity, Trace
from relume.errors import UnknownNameError
from relume.registry import discover, pages
from relume.report.rule_pages.pages import _literals
from relume.report.rule_pages.pages import rules as read_pages
from relume.rules.page import page

SECTIONS = [
    "What it does",
    "Why it hurts",
    "How it is measured",
    "Known false alarms",
    "Fixes and their safety",
    "References",
]
RULES = {rule.code: rule for rule in discover("relume.rules", Rule)}


@dataclass(frozen=True)
class Row:
    """`make(value)` builds a trace whose measured value is that; `fires` are values that must be
    found, `silent` ones that must not; the limits are those of the page."""

    make: Callable[[float], Trace]
    fires: tuple[float, ...]
    silent: tuple[float, ...]


def opaque(count: float) -> Trace:
    build = healthy()
    for at in range(int(count)):
        build.fact("opaque", f"lstm{at}", operation="CudnnRnn", reason="fused", remedy="unfuse")
    return build.trace()


def raised(share: float) -> Trace:
    given = [{"name": "input", "shape": [32, 1], "type": "float32", "share": share}]
    build = healthy()
    if share > 0:
        build.fact("failed-step", error="RuntimeError: x", loss="bce", call="bce", given=given)
    return build.trace()


def other_act(difference: float) -> Trace:
    words = {"key": "hidden_act", "named": "gelu(approximate='tanh')", "found": "gelu"}
    return healthy(flat()).fact("act-name", "mlp.act", difference=difference, **words).trace()


def dropped(keep: float) -> Trace:
    build = healthy(flat()).fact("dropout", "fc1", keep=keep, units=40, file="net.py", line=3)
    build.meta = {"looks_for": ["dropout"]}
    return build.trace()


def no_curvature(entries: float) -> Trace:
    build = healthy(flat())
    build.meta = {"looks_for": ["no-curvature"]}
    if entries:
        build.fact("no-curvature", acts=["relu"], entries=int(entries), file="net.py", line=3)
    return build.trace()


def ordered(share: float) -> Trace:
    build = Build().act("act1")
    loss = {"loss": "cross_entropy", "classes": 10, "target_batches": 60}
    return build.loss(flat(), 2.3, **loss, target_between=share).trace()


def few(rows: float) -> Trace:
    build = Build(steps=400).loss(flat()).act("act1")
    windows = build.units["act1"]
    some = int(rows) // len(windows)
    sizes = [some] * (len(windows) - 1) + [int(rows) - some * (len(windows) - 1)]
    build.units["act1"] = tuple(replace(w, samples=n) for w, n in zip(windows, sizes, strict=True))
    return build.trace()


def pair(error: float) -> Trace:
    data = {"first": "fc1", "second": "fc2", "shape": [8, 16, 4], "between": [], "exempt": None}
    return healthy().fact("affine-pair", "fc1", additivity_error=error, **data).trace()


def softmax(error: float) -> Trace:
    build = healthy()
    build.facts = [f for f in build.facts if f.kind != "head"]
    acts = [{"act": "softmax", "site": "softmax()", "file": "net.py", "line": 7}]
    return build.fact(
        "head", "head", layer="head", acts=acts, rows_sum_error=error, rows_min=0.0
    ).trace()


def sigmoid(least: float) -> Trace:
    build = Build().loss(flat(level=0.69), 0.69, loss="bce_with_logits", classes=2).act("act1")
    acts = [{"act": "sigmoid", "site": "sigmoid()", "file": "net.py", "line": 7}]
    return build.head(acts=acts, rows_sum_error=None, rows_min=least).trace()


def drift(decades: float) -> Trace:
    build = Build().loss(flat()).input()
    for at in range(4):
        build.act(f"act{at}", pre_rms=10 ** (-decades * at / 3))
    return build.trace()


def born(share: float) -> Trace:
    return healthy(flat(), dead_from=dead(share)).trace()


def died(share: float) -> Trace:
    return healthy(flat(), dead_from=dead(share, 2)).trace()


def saturated(share: float) -> Trace:
    return healthy(flat(), act="tanh", low=share / 2, high=share / 2).trace()


def vanishing(ratio: float) -> Trace:
    build = sigmoids(flat())
    build.series("fc1.weight", "grad_norm", ratio * 0.01)
    return build.trace()


def exploding(times: float) -> Trace:
    loss = np.full(400, 3.0)  # no noise, so that the start is exactly known
    loss[200:] = 3.0 * times
    return healthy(loss).trace()


def rate(ratio: float) -> Trace:
    build = healthy(flat())
    for name in ("fc1", "fc2", "fc3", "head"):
        build.series(f"{name}.weight", "update_ratio", ratio)
    return build.trace()


def nu(share: float) -> Trace:
    build = healthy(flat())
    return build.series("fc1", "mean_energy_share", share).trace()


ROWS = {
    "ACT001": Row(opaque, (1, 3), (0,)),
    "ACT002": Row(few, (2999, 100), (3000,)),
    "ACT003": Row(raised, (0.01, 1.0), (0.0,)),
    "ACT101": Row(pair, (0.99e-4, 1e-7), (1e-4, 1.01e-4)),
    "ACT102": Row(faults.straight, (0.99, 1.0), (0.98, 0.5)),
    "ACT103": Row(faults.in_a_row, (1, 2), (0,)),
    "ACT104": Row(lambda n: signal.cut(n).trace(), (2, 10), (1, 0)),
    "ACT105": Row(no_curvature, (1, 128), (0,)),
    "ACT107": Row(other_act, (1.01e-6, 4.7e-4, 0.02), (1e-6, 0.0)),
    "ACT106": Row(dropped, (0.2, 0.19, 0.03), (0.21, 0.5)),
    "ACT201": Row(softmax, (0.99e-3, 1e-3, 0.0), (1.01e-3,)),
    "ACT202": Row(sigmoid, (0.0, 0.2), (-0.01,)),
    "ACT203": Row(faults.rectified, (-1e-6, -3.0), (0.0, 1e-6)),
    "ACT204": Row(faults.beyond, (0.0101, 1.0), (0.0099, 0.0)),
    "ACT205": Row(faults.over_rows, (0,), (1, -1)),
    "ACT206": Row(faults.labels, (2, 5), (1, 0)),
    "ACT207": Row(lambda s: signal.cosines(s).trace(), (1.0, 3.0), (3.3, 16.0)),
    "ACT208": Row(lambda n: signal.chained(n).trace(), (1, 3), (0,)),
    "ACT301": Row(drift, (1.01, -1.01, 3.5), (0.999, -0.999)),
    "ACT302": Row(faults.alike, (0.9991, 1.0), (0.999, 0.5)),
    "ACT303": Row(born, (0.10, 0.11, 0.6), (0.09, 0.0)),
    "ACT304": Row(lambda s: signal.phases(s).trace(), (3.2, 12.0), (1.0, 3.1)),
    "ACT401": Row(died, (0.10, 0.11, 1.0), (0.09, 0.0)),
    "ACT402": Row(faults.dormant, (0.10, 0.11, 0.6), (0.09, 0.0)),
    "ACT403": Row(died, (0.10, 0.11, 1.0), (0.09, 0.0)),
    "ACT404": Row(faults.rare, (0.099, 0.01), (0.1, 0.5)),
    "ACT405": Row(lambda n: signal.collapsed(n).trace(), (2, 9), (1, 0)),
    "ACT406": Row(faults.experts, (1, 5), (0,)),
    "ACT407": Row(lambda n: signal.latents(n).trace(), (0, 3), (4, 8)),
    "ACT501": Row(saturated, (0.50, 0.51, 0.95), (0.49, 0.0)),
    "ACT502": Row(faults.gate, (0.25, 0.26, 1.0), (0.24, 0.0)),
    "ACT503": Row(faults.attention, (50.1, 101.0, 900.0), (50.0, 9.0)),
    "ACT601": Row(vanishing, (0.99e-3, 1e-6), (1.01e-3,)),
    "ACT602": Row(exploding, (10.1, 100.0), (10.0, 9.9)),
    "ACT603": Row(faults.still, (0.99e-6, 0.0), (1e-6, 1.01e-6)),
    "ACT604": Row(faults.nan, (396, 0), (-1,)),
    "ACT605": Row(rate, (0.101, 3.0), (0.1, 0.099)),
    "ACT606": Row(faults.slow, (0.99e-5, 0.0), (1.0e-5, 1.01e-5)),
    "ACT607": Row(faults.swinging, (0.35, 1.0), (0.05, 0.0)),
    "ACT608": Row(faults.decayed, (1.01, 30.0), (1.0, 0.99)),
    "ACT609": Row(lambda n: signal.faded(n).trace(), (2, 9), (1, 0)),
    "ACT701": Row(nu, (0.81, 0.97), (0.8, 0.79)),
    "ACT702": Row(faults.scale, (30.1, 1 / 30.1, 1e3), (30.0, 1 / 29.9, 1.0)),
    "ACT703": Row(ordered, (0.5, 0.51, 1.0), (0.49, 0.0)),
    "ACT801": Row(faults.rounded, (0.0011, 0.101, 0.9), (0.001, 0.0)),
    "ACT802": Row(faults.cost, (0.0501, 0.5), (0.0499, 0.0)),
    "ACT803": Row(faults.swallowed, (1e-9, 0.5), (0.0,)),
    "ACT804": Row(faults.large, (8188.0, 33000.0, 65504.0), (8187.9, 12.0)),
    "ACT901": Row(lambda n: wiring.uncleared(n).trace(), (3, 9), (2, 0)),
    "ACT902": Row(lambda n: wiring.idle(n).trace(), (3, 400), (2, 0)),
    "ACT903": Row(lambda n: wiring.forgotten(n).trace(), (3, 10), (2, 0)),
    "ACT904": Row(lambda n: wiring.cut_off(n).trace(), (3, 10), (2, 0)),
    "ACT905": Row(lambda n: wiring.remade(n).trace(), (3, 9), (2, 0)),
    "ACT906": Row(lambda change: wiring.mixed(change).trace(), (1.01e-4, 0.4), (0.99e-4, 0.0)),
    "ACT907": Row(lambda share: wiring.unfinite(share).trace(), (1e-6, 0.5), (0.0,)),
    "ACT908": Row(lambda share: wiring.lost(share).trace(), (0.5, 0.99), (0.499, 0.0)),
    "ACT909": Row(lambda share: wiring.silent(share).trace(), (0.2, 0.47, 1.0), (0.199, 0.0)),
    "ACT910": Row(lambda n: wiring.cut_term(n).trace(), (3, 12), (2, 0)),
    "ACT911": Row(lambda n: wiring.frozen(n).trace(), (1, 2), (0,)),
    "ACT912": Row(lambda left: wiring.unlearned(left).trace(), (0.81, 1.0), (0.8, 0.01)),
    "ACT914": Row(lambda n: signal.ahead(n).trace(), (2, 64), (1, 0)),
    "ACT913": Row(lambda share: wiring.exchanged(share).trace(), (0.26, 1.0), (0.24, 0.0)),
}
PLAIN = {
    "empty": Trace({}),
    "healthy": healthy().trace(),
    "loss only": Build().loss(flat()).trace(),
    "acts only": Build().act("act1").trace(),
}


def keeps_contract(rule: Rule, row: Row) -> None:
    """Everything that a rule owes; raises `AssertionError` where it does not."""
    assert re.fullmatch(r"ACT\d{3}", rule.code)
    assert rule.page.startswith(f"{rule.code} {rule.name}: ")
    assert re.findall(r"^## (.+)$", rule.page, re.MULTILINE) == SECTIONS
    assert rule.severities == tuple(sorted(set(rule.severities)))
    assert rule.severities, f"{rule.code} declares no severity"
    for value in row.fires:
        findings = found(rule, row.make(value))
        assert findings, f"{rule.code} says nothing at {value}"
        assert {f.severity for f in findings} <= set(rule.severities), "it says more than declared"
    for value in row.silent:
        assert not found(rule, row.make(value)), f"{rule.code} speaks at {value}"
    for name, trace in PLAIN.items():
        assert list(rule.check(trace)), f"{rule.code} has no result for {name}"
        assert not [f for f in found(rule, trace) if f.severity > Severity.FACT], name


def found(rule: Rule, trace: Trace) -> list[Finding]:
    """The rule's findings, each of its results well-formed."""
    results = list(rule.check(trace))
    assert results
    for result in results:
        assert (result.code, result.name) == (rule.code, rule.name)
        if isinstance(result, Finding):
            well_formed(result)
        else:
            assert (result.text if isinstance(result, Checked) else result.reason).strip()
    keys = [r.key for r in results if isinstance(r, Finding)]
    assert len(keys) == len(set(keys)), "two findings with one key"
    return [r for r in results if isinstance(r, Finding)]


def well_formed(finding: Finding) -> None:
    assert not re.search(r"\d", re.sub(r"\{[^{}]*\}", "", finding.text)), "a number from nowhere"
    assert finding.message
    assert finding.cure
    assert finding.steps[0] <= finding.steps[1]
    assert len(finding.evidence.curve) <= 64
    assert finding.evidence.samples > 0
    assert all(
        v is None or isinstance(v, float | int | str) for v in finding.evidence.more.values()
    )


@pytest.mark.parametrize("code", sorted(RULES))
def test_a_rule_keeps_the_contract(code: str) -> None:
    keeps_contract(RULES[code], ROWS[code])


def test_every_rule_has_a_row_and_a_name_of_its_own() -> None:
    assert set(RULES) == set(ROWS)
    assert len({rule.name for rule in RULES.values()}) == len(RULES)


def _explained(rule: Rule) -> set[str]:
    """What a rule explains; the scale and the rows of a layer are parted by their places."""
    return set(rule.explains) - ({"ACT405"} if rule.code == "ACT301" else set())


def test_what_a_rule_explains_exists_and_no_circle_is_declared() -> None:
    for rule in RULES.values():
        assert set(rule.explains) <= set(RULES)
    done: set[str] = set()
    while len(done) < len(RULES):
        free = {c for c, r in RULES.items() if c not in done and _explained(r) <= done}
        assert free, "a circle among the rules"
        done |= free


def test_pages_are_read_without_importing() -> None:
    first = {
        text.split(":")[0] for text in pages("relume.rules").values() if text.startswith("ACT")
    }
    assert first == {f"{rule.code} {rule.name}" for rule in RULES.values()}


def test_rules_do_not_import_torch() -> None:
    code = "import sys, relume.diagnosis as d; d.all_rules(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_page_wants_a_code_and_a_name() -> None:
    with pytest.raises(ValueError, match="must begin like"):
        page("dead-units: a unit that never fires.")


# --- broken twins: rules that the suite must reject -------------------------------------------

GOOD = RULES["ACT605"]
ROW = ROWS["ACT605"]


def always(trace: Trace):
    yield Finding(
        GOOD.code,
        GOOD.name,
        Severity.WARNING,
        "",
        (0, 1),
        "bad",
        Evidence("x", 1.0, samples=1),
        cure="c",
    )


def never(trace: Trace):
    yield from ()


def blind(trace: Trace):
    yield Checked(GOOD.code, GOOD.name, "fine")


def made_up(trace: Trace):
    for result in GOOD.check(trace):
        yield (
            replace(result, text=result.text + " of 17") if isinstance(result, Finding) else result
        )


def misquoting(trace: Trace):
    for result in GOOD.check(trace):
        yield replace(result, text="{nothing}") if isinstance(result, Finding) else result


def misnamed(trace: Trace):
    yield NotChecked("ACT999", "other", "", "why")


@pytest.mark.parametrize("check", [always, never, blind, made_up, misquoting, misnamed])
def test_a_broken_rule_is_rejected(check: Callable) -> None:
    with pytest.raises((AssertionError, KeyError)):
        keeps_contract(replace(GOOD, check=check), ROW)


def test_a_rule_that_says_more_than_it_declares_is_rejected() -> None:
    for declared in ((), (Severity.FACT,), (Severity.ERROR, Severity.NOTE)):
        with pytest.raises(AssertionError):
            keeps_contract(replace(GOOD, severities=declared), ROW)


def test_what_is_read_from_the_file_is_what_the_rule_declares() -> None:
    """`relume rules` reads the declaration without running it."""
    for page_ in read_pages():
        rule = RULES[page_.code]
        assert page_.severities == tuple(str(level) for level in rule.severities)
        assert (page_.symptom, page_.figure) == (rule.symptom, rule.figure)
    assert {page_.code for page_ in read_pages()} == set(RULES)


def test_a_declaration_is_read_from_the_last_statement_alone() -> None:
    first = 'X = PAGE.rule(check, severities=("note",))\n'
    last = 'RULE = PAGE.rule(\n    check, figure="loss", symptom=False, explains=(*A, *B)\n)\n'
    assert _literals(first + last) == {"figure": "loss", "symptom": False}
    assert _literals("nothing = 1\n") == {}


def test_needs_and_figures_are_known_words() -> None:
    for wrong in ({"needs": ("luck",)}, {"figure": "pie"}, {"severities": ("bad",)}):
        with pytest.raises(UnknownNameError, match=r"luck|pie|bad"):
            page(GOOD.page).rule(GOOD.check, **wrong)


def test_a_page_without_a_section_is_rejected() -> None:
    with pytest.raises(AssertionError):
        keeps_contract(replace(GOOD, page=GOOD.page.replace("## References", "")), ROW)
