"""Links findings by cause and orders them: causes first, then their symptoms.

A finding A may explain B if A's rule names B's code, A begins no later than B, and, for an
upstream rule, A's site stands no later in the forward pass. Each B keeps one A of each rule: the
one at its own site, else the gravest and earliest. Findings of one rule that nothing explains form
one group: the gravest and earliest leads, and explains the others. Detours are then removed (A -> C
where A -> B -> C), so that a symptom hangs under its nearest cause only; no circle is ever closed.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from relume.core import Finding, Rule, Severity, Trace
from relume.rules.non_finite import broke_on_the_first_pass
from relume.rules.series_tools import first_step, last_step, number

Edges = dict[str, set[str]]

BACKWARD = frozenset({"ACT601", "ACT603"})
"""Rules of the gradient, which runs backwards: a block at a later site explains an earlier one."""

UPDATES = frozenset({"ACT605", "ACT606"})
"""Rules of the updates' size: a lighter symptom of initialisation does not explain them."""

INPUTS = frozenset({"ACT701", "ACT702"})
"""Rules of the scale of the inputs: what frozen layers hand on is measured as an input too."""

SCALES = ("inputs", "initialisation")
"""Families of the scale of what enters: a run in float32 may bear it."""

MOST = 0.5  # of the entries of all weights (page of ACT911)

GROWTH = "nonfinite_places"  # the evidence of ACT602 where values grew until they were infinite

SLACK = 0.05  # of the run: the grain of a finding that no window dates more finely
LEAST_SLACK = 2  # steps: an update at step t is first seen in the forward of step t + 1


@dataclass(frozen=True, slots=True)
class CauseSetting:
    """What linking needs of a run: rules, forward order, windows, first and last step."""

    rules: Mapping[str, Rule]
    order: Mapping[str, int]
    windows: Mapping[str, tuple[tuple[int, int], ...]]
    first: int
    last: int

    def slack(self, finding: Finding) -> int:
        """How exactly a finding is dated, in steps: its window, or a share of the run."""
        begin = finding.steps[0]
        for first, last in self.windows.get(finding.site, ()):
            if first <= begin <= last:
                return max(LEAST_SLACK, last - first)
        return max(LEAST_SLACK, round(SLACK * (self.last - self.first)))

    def place(self, finding: Finding) -> int:
        """The place in the forward pass; the whole model stands first."""
        return self.order.get(finding.site, -1)


def cause_setting(trace: Trace, rules: Iterable[Rule]) -> CauseSetting:
    """Read from a trace what linking needs."""
    order: dict[str, int] = {}
    for site in trace.sites:
        if site.kind == "input":
            continue  # the data stand before everything, whenever they were first seen
        for name in (site.name, site.path, site.layer):
            if name:
                order[name] = min(site.order, order.get(name, site.order))
    windows = {name: tuple((w.first, w.last) for w in part) for name, part in trace.units.items()}
    by_code = {rule.code: rule for rule in rules}
    if broke_on_the_first_pass(trace):
        inputs = {code: rule for code, rule in by_code.items() if rule.family == "inputs"}
        for code, rule in inputs.items():
            by_code[code] = replace(rule, explains=tuple(set(rule.explains) - {"ACT604"}))
    return CauseSetting(by_code, order, windows, first_step(trace), last_step(trace))


def arrange(findings: Sequence[Finding], where: CauseSetting) -> tuple[Finding, ...]:
    """Link the findings: roots first, then each root's symptoms in the order of cause."""
    table = {f.key: f for f in sorted(findings, key=lambda f: _rank(f, where))}
    causes = _without_detours(_direct_causes(list(table.values()), where))
    effects: Edges = {key: set() for key in table}
    for key, parents in causes.items():
        for parent in parents:
            effects[parent].add(key)
    ranked = list(table)
    rank = {key: place for place, key in enumerate(ranked)}
    linked = {
        key: replace(
            finding,
            explains=tuple(sorted(effects[key], key=rank.__getitem__)),
            explained_by=tuple(sorted(causes[key], key=rank.__getitem__)),
        )
        for key, finding in table.items()
    }
    worst = _worst_below(ranked, table, effects)
    certain = any(not causes[key] and _is_certain(table[key], where) for key in ranked)
    broke = any(table[key].code == "ACT604" and not table[key].cleared for key in ranked)
    later = (INPUTS if certain else frozenset[str]()) | ({"ACT909"} if broke else set[str]())
    roots = sorted(
        (key for key in ranked if not causes[key]),
        key=lambda key: (-worst[key], table[key].code in later),
    )
    order = [*roots, *(key for key in ranked if causes[key])]
    return tuple(linked[key] for key in _by_depth(order, causes))


def _worst_below(
    ranked: Sequence[str], table: Mapping[str, Finding], effects: Edges
) -> dict[str, Severity]:
    """The greatest severity of each finding and of all that it explains.

    Of two roots of one severity, the one behind an error is told before the one behind none.
    """
    worst: dict[str, Severity] = {}

    def below(key: str) -> Severity:
        if key not in worst:
            own = max(_gravity(table[key]), table[key].severity)
            worst[key] = max((own, *(below(effect) for effect in effects[key])))
        return worst[key]

    for key in ranked:
        below(key)
    return worst


def _is_certain(finding: Finding, where: CauseSetting) -> bool:
    """Whether an exact fact names what broke the run: the scale of the inputs stands after it."""
    if finding.code == "ACT604":
        return "overflow" in finding.evidence.more
    rule = where.rules.get(finding.code)
    return rule is not None and rule.family == "wiring" and finding.severity >= Severity.ERROR


def _rank(finding: Finding, where: CauseSetting) -> tuple[int, int, int, str]:
    return (
        -max(_gravity(finding), finding.severity),
        finding.steps[0],
        where.place(finding),
        finding.key,
    )


def _by_depth(ranked: Sequence[str], causes: Edges) -> list[str]:
    """Order the keys by depth, and within a depth by rank, so that causes come before symptoms."""
    depth: dict[str, int] = {}

    def deep(key: str) -> int:
        if key not in depth:
            depth[key] = 1 + max((deep(parent) for parent in causes[key]), default=-1)
        return depth[key]

    return sorted(ranked, key=deep)


def _direct_causes(findings: Sequence[Finding], where: CauseSetting) -> Edges:
    """Return the causes of each finding, by key; the findings come by rank."""
    by_code: dict[str, list[Finding]] = {}
    for finding in findings:
        by_code.setdefault(finding.code, []).append(finding)
    causes: Edges = {f.key: set() for f in findings}
    table = {f.key: f for f in findings}
    for code, causers in by_code.items():
        rule = where.rules.get(code)
        able = Causers(causers, where)
        for target in rule.explains if rule else ():
            for symptom in by_code.get(target, ()):
                cause = able.best_for(symptom)
                if cause is not None and not _reaches(causes, cause.key, symptom.key):
                    causes[symptom.key].add(cause.key)
    for finding in findings:
        causes[finding.key] = _nearest(causes[finding.key], finding, table, where)
    for group in by_code.values():
        leader, *rest = [f for f in group if not causes[f.key]] or group[:1]
        for other in rest:
            causes[other.key].add(leader.key)
    return causes


def _nearest(
    keys: set[str], symptom: Finding, table: Mapping[str, Finding], where: CauseSetting
) -> set[str]:
    """Drop causes further upstream where there is one at the symptom's own site."""
    if not any(table[key].site == symptom.site for key in keys):
        return keys
    far = {k for k in keys if table[k].site not in ("", symptom.site)}
    return {k for k in keys if k not in far or not where.rules[table[k].code].upstream}


class Causers:
    """The findings of one rule, asked for the first by rank that may explain a symptom.

    `_may_explain` reads four things of a cause: its severity, whether it is a growth, its first
    step and its place. Among findings that agree in the first two, which come by step, only those
    that stand further upstream than all before them can be the first able one. So a symptom asks a
    few of them and not all: a run of a thousand sick layers has a thousand causes and symptoms.

    Args:
        findings: of one rule, by rank.
        where: the run.
    """

    def __init__(self, findings: Sequence[Finding], where: CauseSetting) -> None:
        self._where = where
        self._rank = {finding.key: rank for rank, finding in enumerate(findings)}
        self._at: dict[str, list[Finding]] = {}
        self._steps: dict[tuple[Severity, bool], tuple[list[int], list[Finding]]] = {}
        for finding in findings:
            self._at.setdefault(finding.site, []).append(finding)
            alike = (_gravity(finding), finding.evidence.stat == GROWTH)
            upstream, front = self._steps.setdefault(alike, ([], []))
            place = -where.place(finding)  # ascending, for bisection
            if not upstream or place > upstream[-1]:
                upstream.append(place)
                front.append(finding)

    def best_for(self, symptom: Finding) -> Finding | None:
        """The first finding beside the symptom that may explain it, else the first of all."""
        where = self._where
        for cause in self._at.get(symptom.site, ()):  # the nearest one is asked first
            if cause.key != symptom.key and _may_explain(cause, symptom, where):
                return cause
        place = -where.place(symptom)
        able: list[Finding] = []
        for upstream, front in self._steps.values():
            at = bisect_left(upstream, place)
            asked = (front[0], *front[at : at + 1])  # the first, and the first upstream
            able += [c for c in asked if c.key != symptom.key and _may_explain(c, symptom, where)]
        return min(able, key=lambda cause: self._rank[cause.key], default=None)


def _gravity(finding: Finding) -> Severity:
    return finding.raw_severity if finding.raw_severity is not None else finding.severity


def _may_explain(cause: Finding, symptom: Finding, where: CauseSetting) -> bool:
    severity, symptom_severity = _gravity(cause), _gravity(symptom)
    if severity < min(symptom_severity, Severity.WARNING):
        return False  # a trifle must not hide a harm
    if symptom.code == "ACT604" and not _fits_non_finite(cause, symptom):
        return False
    if symptom.code in INPUTS and cause.code == "ACT911":
        return _is_handed_on(cause, symptom)
    rule = where.rules[cause.code]
    if "ACT405" in (cause.code, symptom.code) and not _fits_collapse(cause, symptom, where):
        return False
    if "overflow" in symptom.evidence.more and rule.family in SCALES:
        return False  # the type has no room for numbers that float32 bears
    if rule.from_updates and symptom.steps[0] <= where.first:
        return cause.code == "ACT608" and symptom.code in UPDATES  # decay is a part of them
    if symptom.code in UPDATES and severity < symptom_severity and cause.code.startswith("ACT3"):
        return False
    if symptom.code in UPDATES and not _fits_updates(cause, symptom):
        return False
    if cause.steps[0] > symptom.steps[0] + where.slack(symptom):
        return False
    if symptom.code in BACKWARD:
        return True
    return not rule.upstream or where.place(cause) <= where.place(symptom) or not symptom.site


def _fits_non_finite(cause: Finding, symptom: Finding) -> bool:
    """Whether something may explain the first value that is not finite."""
    if cause.code == "ACT909":
        return False  # rows that send no gradient make no value infinite
    if cause.code != "ACT602":
        return True
    # an infinite loss is no growth that came before itself
    return cause.evidence.stat == GROWTH or symptom.steps[0] > cause.steps[0]


def _fits_updates(cause: Finding, symptom: Finding) -> bool:
    """Whether something may explain the size of the updates."""
    if "by_rate" in symptom.evidence.more and cause.code != "ACT908":
        return False  # the learning rate alone gives updates of that size
    # weights over time that began to grow later grew by the rate
    return (cause.code, symptom.code) != ("ACT609", "ACT605") or cause.steps[0] <= symptom.steps[0]


def _is_handed_on(cause: Finding, symptom: Finding) -> bool:
    """Whether what frozen layers hand on is what was measured as an input."""
    more = cause.evidence.more
    handed_on = symptom.site in str(more.get("handed_on")).split(", ")
    return handed_on or (number(more.get("frozen_share")) or 0.0) >= MOST


def _fits_collapse(cause: Finding, symptom: Finding, where: CauseSetting) -> bool:
    """Whether one may explain the other where rows are alike after a layer.

    A layer that gives its bias alone is small weights: they are the cause downstream of where the
    scale is lost, and the symptom upstream of it. A head makes rows alike by training alone.
    """
    if symptom.code == "ACT405":
        if where.rules[cause.code].family == "output":
            return symptom.steps[0] > where.first
        by_weights = symptom.evidence.more.get("how") == "weights"
        return cause.code != "ACT301" or (by_weights and where.place(cause) <= where.place(symptom))
    by_weights = cause.evidence.more.get("how") == "weights"
    after = where.place(cause) < where.place(symptom)
    return symptom.code != "ACT301" or not by_weights or after


def _reaches(causes: Edges, start: str, goal: str) -> bool:
    """Whether `goal` is among the causes of `start`, however far back (or is `start`)."""
    todo, visited = [start], set[str]()
    while todo:
        key = todo.pop()
        if key == goal:
            return True
        if key not in visited:
            visited.add(key)
            todo.extend(causes[key])
    return False


def _without_detours(causes: Edges) -> Edges:
    """Drop A -> C where A -> B -> C stands too."""
    return {
        key: {
            parent
            for parent in parents
            if not any(_reaches(causes, other, parent) for other in parents - {parent})
        }
        for key, parents in causes.items()
    }
