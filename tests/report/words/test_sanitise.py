"""Words, numbers, curves, files: the small parts of a report."""

import json
import math
import os
import stat
from pathlib import Path

import pytest
import story_of_a_death as story

from relume.core import Diagnosis, Severity
from relume.errors import UnknownNameError, UsageError
from relume.report.machine import json_file as files
from relume.report.machine.concise import concise
from relume.report.output import output_order
from relume.report.rule_pages.pages import PageText, matching, selection
from relume.report.terminal.sparkline import BLOCKS, draw
from relume.report.words.sanitise import (
    clean,
    duration,
    fold,
    number,
    place,
    sentence,
    shorten,
    source,
)

PAGES = (
    PageText("ACT401", "dead-units", "a unit that never fires.", ""),
    PageText("ACT403", "died-in-training", "when it died.", ""),
    PageText("ACT605", "learning-rate-high", "too long a step.", ""),
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.0, "0"),
        (12, "12"),
        (1234567, "1,234,567"),
        (0.12345, "0.123"),
        (0.9999, "0.9999"),
        (1.0004, "1"),
        (1234.5, "1,234"),
        (1e-12, "1e-12"),
        (1e300, "1e300"),
        (-2.5e7, "-25,000,000"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
    ],
)
def test_numbers_as_a_person_writes_them(value: float, text: str) -> None:
    assert number(value) == text


def test_durations() -> None:
    said = [duration(s) for s in (0.25, 12.34, 245.2, 59.99, 7800)]
    assert said == ["250 ms", "12.3 s", "4 min 05 s", "60.0 s", "2 h 10 min"]


def test_a_long_name_keeps_both_ends_and_the_asked_length() -> None:
    short = shorten("start" + "x" * 10_000 + "end", 40)
    assert len(short) == 40
    assert short.startswith("startx")
    assert short.endswith("xend")


def test_clean_leaves_letters_of_all_scripts() -> None:
    assert clean("größe.网络.é") == "größe.网络.é"
    assert clean("\x00\u200d\U000e0001") == r"\x00\u200d\U000e0001"


def test_fold_survives_an_encoding_nobody_knows() -> None:
    assert fold("a×b", "no-such-encoding") == "axb"


def test_a_sentence_does_not_change_names() -> None:
    assert sentence("relu() is dead") == "relu() is dead."
    assert sentence("net.1 died (at 3 %)") == "net.1 died (at 3 %)."


def test_source_reads_only_regular_files(tmp_path: Path) -> None:
    script = tmp_path / "a.py"
    script.write_bytes(b"x = 1\n    y = '\xff\x1b'\n")
    assert source(str(script), 2) == "y = '\ufffd\\x1b'"
    assert source(str(script), 3) == ""
    assert source("/dev/zero", 1) == ""
    assert source("a\x00b", 1) == ""
    assert source(str(tmp_path), 1) == ""


def test_place_is_relative_below_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert place(str(tmp_path / "m" / "a.py"), 3) == "m/a.py:3"
    assert place("/elsewhere/a.py", 0) == "/elsewhere/a.py"
    assert place("", 3) == ""


def test_a_spike_is_never_lost_between_cells() -> None:
    curve = [(i, 1.0 if i == 37 else 0.0) for i in range(64)]
    spark = draw(curve, 8, threshold=0.5, value=1.0)
    assert spark is not None
    assert spark.cells == "▁▁▁▁█▁▁▁"
    assert spark.beyond == (False,) * 4 + (True,) + (False,) * 3


def test_a_dip_is_never_lost_where_low_is_bad() -> None:
    curve = [(i, 0.0 if i == 37 else 1.0) for i in range(64)]
    spark = draw(curve, 8, threshold=0.5, value=0.0)
    assert spark is not None
    assert spark.cells == "████▁███"
    assert sum(spark.beyond) == 1


@pytest.mark.parametrize("width", [1, 3, 64, 1000])
def test_a_curve_fits_and_uses_its_range(width: int) -> None:
    spark = draw([(i, float(i)) for i in range(30)], width)
    assert spark is not None
    assert len(spark.cells) == min(width, 30)
    assert spark.cells[-1] == BLOCKS[-1]
    assert draw([], width) is None


def test_json_is_what_core_says_and_valid(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    files.write(story.SICK.to_json(), target)
    loaded = json.loads(target.read_text("utf-8"))
    assert loaded["roots"] == ["ACT605@", "ACT501@net.5", "ACT404@net.3"]
    assert loaded["findings"][0]["message"].startswith("One step changed the weights by 52%")
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")

    def fail(self: Path, other: Path) -> Path:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        files.write("new", target)
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def test_a_write_follows_links_and_keeps_to_the_umask(tmp_path: Path) -> None:
    target, link = tmp_path / "real.json", tmp_path / "link.json"
    link.symlink_to(target)
    files.write('"\udc80"', link)
    assert link.is_symlink()
    assert json.loads(target.read_text("utf-8")) == "\udc80"
    plain = tmp_path / "plain"
    plain.write_text("")
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_what_is_no_regular_file_is_written_to_directly() -> None:
    files.write("text", Path("/dev/null"))
    assert Path("/dev/null").is_char_device()


def test_a_pipe_under_a_link_without_a_name_is_written_to() -> None:
    reads, writes = os.pipe()
    with os.fdopen(reads) as reader:
        files.write("text", Path(f"/dev/fd/{writes}"))  # as /dev/stdout is in `relume ... | cat`
        os.close(writes)
        assert reader.read() == "text"


def test_concise_is_one_line_a_finding() -> None:
    lines = concise(story.SICK).splitlines()
    assert len(lines) == sum(f.severity > Severity.FACT for f in story.SICK.findings)
    assert lines[1] == (
        "/gone/models/mlp.py:27:1: ACT403 died-in-training: 61% of the units of net.1 fell silent"
        " between step 143 and 161, right after the longest step"
    )
    assert lines[3].startswith("train.py:1:1: ACT501 saturated-units: 55%")
    assert ":1:1: ACT605 learning-rate-high: One step" in lines[0]
    assert concise(Diagnosis((), (), (), story.STALLED)) == ""


def test_rules_by_code_name_and_beginning() -> None:
    assert [p.code for p in matching("act4", PAGES)] == ["ACT401", "ACT403"]
    assert [p.code for p in matching("Dead-Units", PAGES)] == ["ACT401"]
    assert [p.code for p in matching("learn", PAGES)] == ["ACT605"]
    assert selection(["ACT6, dead-units", "ACT401"], PAGES) == ("ACT605", "ACT401")


@pytest.mark.parametrize("word", ["deed-units", "ACT4011", " "])
def test_an_unknown_rule_names_the_nearest(word: str) -> None:
    with pytest.raises(
        UnknownNameError, match=r"unknown rule .*; (did you mean|known: |the nearest)"
    ):
        matching(word, PAGES)


def test_an_order_that_leaves_nothing_is_refused() -> None:
    assert output_order(PAGES).codes is None
    assert output_order(PAGES, ignore=["ACT4"]).codes == ("ACT605",)
    with pytest.raises(UsageError, match="leave no rule to check"):
        output_order(PAGES, select=["ACT4"], ignore=["ACT"])
