"""The baseline file: the same findings give the same text, and a damaged one is one sentence."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import story_of_a_silence as story

from relume.errors import UsageError
from relume.policy.baseline import dump, known_by, load, replaceable

HOT, DIED, DEAD, FAR, SATURATED = story.FINDINGS


def kept(folder: Path, text: str | None = None) -> Path:
    path = folder / "known.json"
    path.write_text(dump(known_by(story.SICK)) if text is None else text, "utf-8")
    return path


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    known = known_by(story.SICK)
    assert load(kept(tmp_path)) == known
    backwards = replace(story.SICK, findings=story.FINDINGS[::-1])
    assert dump(known_by(backwards)) == dump(known)


def test_it_holds_keys_and_no_numbers() -> None:
    told = json.loads(dump(known_by(story.SICK)))
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
    before = known_by(story.SICK)
    after = known_by(replace(story.SICK, findings=(FAR,)), before)
    told = [(entry.code, entry.site) for entry in after.findings]
    assert told == [
        ("ACT401", "net.3"),
        ("ACT403", "net.1"),
        ("ACT501", "net.5"),
        ("ACT605", ""),
    ]


def test_a_name_that_utf_8_cannot_carry_is_known_again(tmp_path: Path) -> None:
    odd = replace(DEAD, site="net\udc80", explained_by=())
    known = load(kept(tmp_path, dump(known_by(replace(story.SICK, findings=(odd,))))))
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
        dump(known_by(story.SICK))[:-30],
    ],
)
def test_a_damaged_one_is_one_sentence_and_is_not_overwritten(tmp_path: Path, text: str) -> None:
    path = kept(tmp_path, text)
    with pytest.raises(UsageError, match="is no baseline of relume, or a damaged one") as raised:
        load(path)
    assert "\n" not in str(raised.value)
    with pytest.raises(UsageError, match="so it is not overwritten"):
        replaceable(path)


def test_what_cannot_be_read_or_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"there is no baseline .*; write it with --write-baseline"
    ):
        load(tmp_path / "none.json")
    with pytest.raises(UsageError, match=r"cannot read the baseline .*: Is a directory"):
        load(tmp_path)
    (tmp_path / "b.json").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="it is not UTF-8"):
        load(tmp_path / "b.json")
    with pytest.raises(UsageError, match="there is no folder"):
        replaceable(tmp_path / "no" / "known.json")
    assert replaceable(tmp_path / "new.json") is None
