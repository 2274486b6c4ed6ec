"""The baseline file: the same findings give the same text, and a damaged one is one sentence."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import story_of_a_silence as story

from relume.errors import UsageError
from relume.policy.baseline import baseline_of, dump_baseline, load_baseline, load_replaceable

HOT, DIED, DEAD, FAR, SATURATED = story.FINDINGS


def kept(folder: Path, text: str | None = None) -> Path:
    path = folder / "known.json"
    path.write_text(dump_baseline(baseline_of(story.SICK)) if text is None else text, "utf-8")
    return path


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    known = baseline_of(story.SICK)
    assert load_baseline(kept(tmp_path)) == known
    backwards = replace(story.SICK, findings=story.FINDINGS[::-1])
    assert dump_baseline(baseline_of(backwards)) == dump_baseline(known)


def test_it_holds_keys_and_no_numbers() -> None:
    told = json.loads(dump_baseline(baseline_of(story.SICK)))
    assert [entry["code"] for entry in told["findings"]] == [
        "ACT401",
        "ACT401",
        "ACT403",
        "ACT501",
        "ACT605",
    ]
    assert set(told["findings"][0]) == {"code", "name", "site", "act", "harm", "explains"}
    hot = told["findings"][-1]
    assert (hot["site"], hot["harm"], hot["explains"]) == ("", True, ["ACT401", "ACT403"])


def test_entries_of_rules_that_were_not_asked_stay() -> None:
    before = baseline_of(story.SICK)
    after = baseline_of(replace(story.SICK, findings=(FAR,)), before)
    told = [(entry.code, entry.site) for entry in after.findings]
    assert told == [
        ("ACT401", "net.3"),
        ("ACT403", "net.1"),
        ("ACT501", "net.5"),
        ("ACT605", ""),
    ]


def test_a_name_that_utf_8_cannot_carry_is_known_again(tmp_path: Path) -> None:
    odd = replace(DEAD, site="net\udc80", explained_by=())
    known = load_baseline(
        kept(tmp_path, dump_baseline(baseline_of(replace(story.SICK, findings=(odd,)))))
    )
    assert known.findings[0].covers(odd)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"findings": []}',
        '{"format": "relume-baseline", "version": 2, "findings": []}',
        '{"format": "relume-baseline", "version": 1, "findings": [{"code": 4, "site": ""}]}',
        '{"format": "relume-baseline", "version": 1, "findings": [{"code": ""}]}',
        dump_baseline(baseline_of(story.SICK))[:-30],
    ],
)
def test_a_damaged_one_is_one_sentence_and_is_not_overwritten(tmp_path: Path, text: str) -> None:
    path = kept(tmp_path, text)
    with pytest.raises(UsageError, match="is no baseline of relume, or a damaged one") as raised:
        load_baseline(path)
    assert "\n" not in str(raised.value)
    with pytest.raises(UsageError, match="so it is not overwritten"):
        load_replaceable(path)


def test_what_cannot_be_read_or_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"there is no baseline .*; write it with --write-baseline"
    ):
        load_baseline(tmp_path / "none.json")
    with pytest.raises(UsageError, match=r"cannot read the baseline .*: Is a directory"):
        load_baseline(tmp_path)
    (tmp_path / "b.json").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="it is not UTF-8"):
        load_baseline(tmp_path / "b.json")
    with pytest.raises(UsageError, match="there is no folder"):
        load_replaceable(tmp_path / "no" / "known.json")
    assert load_replaceable(tmp_path / "new.json") is None
