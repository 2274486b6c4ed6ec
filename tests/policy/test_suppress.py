"""Silencing: what is silent is not lost, and nothing else is silent with it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import story_of_a_silence as story

from relume.core import Checked, Diagnosis, NotChecked, Severity, Site, Trace
from relume.policy.baseline import baseline_of
from relume.policy.settings import SiteIgnore
from relume.policy.suppress import Suppressed, suppress

HOT, DIED, DEAD, FAR, SATURATED = story.FINDINGS


def hush(diagnosis: Diagnosis = story.SICK, **more: object) -> Suppressed:
    return suppress(diagnosis, story.KNOWN, **more)  # type: ignore[arg-type]


def ignore(site: str, *codes: str) -> SiteIgnore:
    return SiteIgnore(site, frozenset(codes), "by design")


def keys(diagnosis: Diagnosis) -> list[str]:
    return [finding.key for finding in diagnosis.findings]


def silent(diagnosis: Diagnosis) -> dict[str, str]:
    return {item.finding.key: item.by for item in diagnosis.suppressed}


def at_line(tmp_path: Path, comment: str, key: str) -> tuple[Diagnosis, Path]:
    """The story, with the finding of `key` on line 2 of a file with that comment."""
    path = tmp_path / "model.py"
    path.write_text(f"x = 1\ny = relu(x)  {comment}\n")
    moved = [replace(f, file=str(path), line=2) if f.key == key else f for f in story.SICK.findings]
    return replace(story.SICK, findings=tuple(moved)), path


def test_nothing_asked_is_nothing_silenced() -> None:
    assert hush() == Suppressed(story.SICK)


def test_a_comment_silences_its_line_and_its_codes_only(tmp_path: Path) -> None:
    diagnosis, path = at_line(tmp_path, "# relume: ignore[ACT501]: gates", SATURATED.key)
    done = hush(diagnosis)
    (item,) = done.diagnosis.suppressed
    assert (item.finding.key, item.by, item.reason) == (SATURATED.key, "comment", "gates")
    assert item.where == f"{path}:2"
    assert keys(done.diagnosis) == [HOT.key, DIED.key, DEAD.key, FAR.key]
    assert done.notes == ()
    other, _ = at_line(tmp_path, "# relume: ignore[ACT401]", SATURATED.key)
    assert hush(other).diagnosis.suppressed == ()


def test_a_site_ignore_of_the_configuration_silences_by_glob() -> None:
    done = hush(ignores=[ignore("net.*", "ACT501")], config=Path("pyproject.toml")).diagnosis
    (item,) = done.suppressed
    assert (item.by, item.where, item.reason) == ("config", "pyproject.toml", "by design")
    assert SATURATED.key not in keys(done)
    assert not hush(ignores=[ignore("net", "ACT501")]).diagnosis.suppressed
    assert not hush(ignores=[ignore("net.*", "ACT605")]).diagnosis.suppressed  # the whole model
    assert hush(ignores=[ignore("(model)", "ACT605")]).diagnosis.suppressed


def test_a_silenced_root_takes_what_only_it_explains_with_it() -> None:
    done = hush(ignores=[ignore("(model)", "ACT605")]).diagnosis
    assert keys(done) == [SATURATED.key]
    assert set(silent(done)) == {HOT.key, DIED.key, DEAD.key, FAR.key}
    roots = {item.finding.key: item.root for item in done.suppressed}
    assert roots[HOT.key] == ""
    assert roots[DIED.key] == roots[DEAD.key] == HOT.key
    assert done.ok


def test_a_silenced_symptom_leaves_its_cause() -> None:
    done = hush(ignores=[ignore("net.1", "ACT401")]).diagnosis
    assert keys(done) == [HOT.key, SATURATED.key, DIED.key, FAR.key]  # roots first
    assert all(DEAD.key not in finding.explains for finding in done.findings)
    assert not done.ok


def test_a_symptom_with_another_cause_that_is_told_stays() -> None:
    both = replace(FAR, explained_by=(HOT.key, SATURATED.key))
    given = replace(story.SICK, findings=(HOT, DIED, DEAD, both, SATURATED))
    done = hush(given, ignores=[ignore("(model)", "ACT605")]).diagnosis
    assert keys(done) == [SATURATED.key, FAR.key]
    (left,) = [finding for finding in done.findings if finding.key == FAR.key]
    assert left.explained_by == (SATURATED.key,)
    assert [f.key for f in done.roots] == [SATURATED.key]


def test_the_same_rule_at_another_site_is_a_fault_of_its_own() -> None:
    led = replace(FAR, explained_by=(DEAD.key,))
    lead = replace(DEAD, explained_by=(), explains=(FAR.key,))
    given = replace(story.SICK, findings=(lead, led))
    done = hush(given, ignores=[ignore("net.1", "ACT401")]).diagnosis
    assert keys(done) == [FAR.key]
    assert done.roots == done.findings


def test_a_baseline_knows_what_it_knew_and_reports_what_is_new_and_gone() -> None:
    knew = baseline_of(replace(story.SICK, findings=(SATURATED,)))
    gone = baseline_of(replace(story.SICK, findings=(replace(SATURATED, site="net.9"),)))
    knew = knew.model_copy(update={"findings": [*knew.findings, *gone.findings]})
    done = hush(baseline=knew, baseline_file=Path("known.json")).diagnosis
    assert silent(done) == {SATURATED.key: "baseline"}
    told = done.meta["baseline"]
    assert (told["file"], told["known"], told["new"]) == ("known.json", 1, 4)
    assert [(item["code"], item["site"]) for item in told["gone"]] == [("ACT501", "net.9")]


def test_what_could_not_be_checked_is_not_gone() -> None:
    knew = baseline_of(story.SICK)
    fine = Checked("ACT401", "dead-units", "none")
    missing = NotChecked("ACT401", "dead-units", DEAD.site, "hidden")
    given = replace(story.SICK, findings=(), checked=(fine,), not_checked=(missing,))
    told = hush(given, baseline=knew).diagnosis.meta["baseline"]
    assert [item["site"] for item in told["gone"]] == [FAR.site]


def test_steps_and_numbers_do_not_matter_to_a_baseline() -> None:
    later = [
        replace(f, steps=(7, 9), evidence=replace(f.evidence, value=0.9)) for f in story.FINDINGS
    ]
    given = replace(story.SICK, findings=tuple(later))
    assert hush(given, baseline=baseline_of(story.SICK)).diagnosis.findings == ()


def test_what_grew_into_harm_is_news() -> None:
    knew = baseline_of(story.SICK)  # SATURATED was a note
    worse = replace(SATURATED, severity=Severity.ERROR)
    given = replace(story.SICK, findings=(HOT, DIED, DEAD, FAR, worse))
    assert keys(hush(given, baseline=knew).diagnosis) == [SATURATED.key]


def test_a_new_kind_of_symptom_of_a_known_cause_is_news() -> None:
    knew = baseline_of(replace(story.SICK, findings=(HOT, DIED)))
    done = hush(baseline=knew).diagnosis
    assert DEAD.key in keys(done)
    assert {HOT.key, DIED.key} <= set(silent(done))


@pytest.mark.parametrize(
    ("comment", "word"),
    [
        ("# relume: ignore[ACT401]", "silenced nothing; remove it."),
        ("# relume: ignore", "silenced nothing; remove it."),
        ("# relume: ignore[ACT4O1]", "unknown rule 'ACT4O1'; did you mean 'ACT401'?"),
    ],
)
def test_a_comment_that_does_nothing_is_told(tmp_path: Path, comment: str, word: str) -> None:
    path = tmp_path / "model.py"
    path.write_text(f"x = 1\ny = relu(x)  {comment}\n")
    trace = Trace({}, (Site("net.1", "act", "relu", file=str(path), line=2),))
    checked = tuple(Checked(rule.code, rule.name, "fine") for rule in story.KNOWN)
    quiet = replace(story.SICK, findings=(), checked=checked)
    (note,) = hush(quiet, trace=trace).notes
    assert note.startswith(f"{path}:2: the ignore comment")
    assert word in note


def test_a_comment_is_not_blamed_where_its_rule_did_not_look_or_its_line_did_not_run(
    tmp_path: Path,
) -> None:
    path = tmp_path / "model.py"
    path.write_text("x = 1\ny = relu(x)  # relume: ignore[ACT401]\n")
    quiet = replace(story.SICK, findings=())
    here = Trace({}, (Site("net.1", "act", "relu", file=str(path), line=2),))
    away = Trace({}, (Site("net.1", "act", "relu", file=str(path), line=1),))
    assert hush(quiet, trace=here).notes == ()  # nobody asked ACT401
    looked = replace(quiet, checked=(Checked("ACT401", "dead-units", "fine"),))
    assert hush(looked, trace=away).notes == ()
    assert len(hush(looked, trace=here).notes) == 1


def test_every_way_to_silence_is_in_the_json(tmp_path: Path) -> None:
    diagnosis, _ = at_line(tmp_path, "# relume: ignore", SATURATED.key)
    done = hush(
        diagnosis,
        ignores=[ignore("net.3", "ACT401")],
        baseline=baseline_of(replace(story.SICK, findings=(HOT, DIED, DEAD))),
    ).diagnosis
    told = json.loads(done.to_json())
    ways = sorted(item["by"] for item in told["suppressed"])
    assert ways == ["baseline", "baseline", "baseline", "comment", "config"]
    assert told["findings"] == []
    assert told["ok"] is True
