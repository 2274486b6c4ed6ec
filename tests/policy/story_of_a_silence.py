"""A small story to silence: one hot learning rate, what it killed, and a note of its own."""

from relume.core import Diagnosis, Evidence, Finding, Outcome, Rule, Severity

KNOWN = [
    Rule(code, name, "", lambda trace: iter(()))
    for code, name in [
        ("ACT401", "dead-units"),
        ("ACT403", "died-in-training"),
        ("ACT501", "saturated-units"),
        ("ACT605", "learning-rate-high"),
    ]
]
WARNING, ERROR = Severity.WARNING, Severity.ERROR


def _found(code: str, severity: Severity, site: str, **more: tuple[str, ...]) -> Finding:
    name = next(rule.name for rule in KNOWN if rule.code == code)
    seen = Evidence("share", 0.6, 0.25, 4096, more={"act": "relu"} if site else {})
    return Finding(code, name, severity, site, (3, 90), "{value:.0%} of {site}", seen, **more)  # type: ignore[arg-type]


HOT = _found("ACT605", ERROR, "", explains=("ACT403@net.1", "ACT401@net.1", "ACT401@net.3"))
DIED = _found("ACT403", WARNING, "net.1", explained_by=(HOT.key,), explains=("ACT401@net.1",))
DEAD = _found("ACT401", ERROR, "net.1", explained_by=(HOT.key, DIED.key))
FAR = _found("ACT401", WARNING, "net.3", explained_by=(HOT.key,))
SATURATED = _found("ACT501", Severity.NOTE, "net.5")
FINDINGS = (HOT, DIED, DEAD, FAR, SATURATED)
SICK = Diagnosis(FINDINGS, (), (), Outcome("stalled", "The run stalled."))
