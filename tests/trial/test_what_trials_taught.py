"""What trials taught stays with the run: in its file, and in every later diagnosis."""

from pathlib import Path

import pytest

from relume.core import Diagnosis, Evidence, Finding, Outcome, Severity
from relume.diagnosis import lessons, with_lessons
from relume.errors import NotATraceError
from relume.record.store import run_file


def test_what_trials_taught_is_kept_in_the_run_file(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    writer = run_file.Writer(path)
    writer.meta({"run": "run", "steps": 0})
    writer.close()
    one, other, third = (
        Finding(code, "x", Severity.WARNING, "", (0, 1), "", Evidence("s", 1.0), cure="do it")
        for code in ("ACT606", "ACT301", "ACT605")
    )
    learned = lessons(third.key, ("ACT606",), ("ACT606 learning-rate-low is not the cause.",))
    run_file.add_meta(path, "trials", learned)
    assert run_file.meta(path)["trials"] == learned
    found = with_lessons(
        Diagnosis((one, other, third), (), (), Outcome("stalled", "")),
        run_file.meta(path)["trials"],
    )
    assert [finding.code for finding in found.findings] == ["ACT605", "ACT301", "ACT606"]
    assert [finding.cure for finding in found.findings] == ["do it", "do it", ""]
    assert found.meta["root before"] == "ACT606"
    run_file.add_meta(path, "trials", {"cured": 1})
    with pytest.raises(NotATraceError):
        run_file.read(path)
