"""Ignore comments: read as Python reads them, and never a reason to fail."""

from pathlib import Path

import pytest

from relume.core import Rule
from relume.policy.ignore_comments import IgnoreComment, ignore_comments

KNOWN = [
    Rule(code, name, "", lambda trace: iter(()))
    for code, name in [
        ("ACT401", "dead-units"),
        ("ACT404", "sparse"),
        ("ACT501", "saturated-units"),
    ]
]


def read(folder: Path, text: str) -> tuple[IgnoreComment, ...]:
    path = folder / "model.py"
    path.write_text(text, "utf-8")
    return ignore_comments(str(path), KNOWN)


@pytest.mark.parametrize(
    ("text", "codes", "reason"),
    [
        ("# relume: ignore", None, ""),
        ("# relume: ignore: sparse by design", None, "sparse by design"),
        ("# relume: ignore[ACT401]", {"ACT401"}, ""),
        ("# relume: ignore[ACT4]", {"ACT401", "ACT404"}, ""),
        ("# relume: ignore[dead-units, ACT501]:  why:  so ", {"ACT401", "ACT501"}, "why: so"),
        ("#relume:ignore[act401]", {"ACT401"}, ""),
        ("# noqa: E501  # relume: ignore[ACT401]: long  # type: ignore", {"ACT401"}, "long"),
    ],
)
def test_what_a_comment_says(
    tmp_path: Path, text: str, codes: set[str] | None, reason: str
) -> None:
    (found,) = read(tmp_path, f"x = 1\ny = relu(x)  {text}\n")
    assert (found.line, found.first, found.alone, found.problem) == (2, 2, False, "")
    assert (found.codes, found.reason) == (codes, reason)
    assert found.covers(2, "ACT401")
    assert not found.covers(1, "ACT401")
    assert found.covers(2, "ACT999") == (codes is None)


@pytest.mark.parametrize(
    "text",
    [
        'x = "# relume: ignore"\n',
        "def f():\n    '''\n    y = 1  # relume: ignore[ACT401]\n    '''\n",
        "x = 1  # relume: ignored\n",
        "x = 1  # we relume: ignore it\n",
        "x = 1\n",
        "",
    ],
)
def test_what_only_looks_so_does_not_count(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# relume: ignore[]", "write '# relume: ignore[ACT401]: reason'"),
        ("# relume: ignore[ACT401", "write '# relume: ignore[ACT401]: reason'"),
        ("# relume: ignore ACT401", "write '# relume: ignore[ACT401]: reason'"),
        ("# relume: ignore[ACT4O1]", "unknown rule 'ACT4O1'; did you mean 'ACT401'?"),
    ],
)
def test_what_is_not_understood_silences_nothing_and_says_why(
    tmp_path: Path, text: str, problem: str
) -> None:
    (found,) = read(tmp_path, f"y = relu(x)  {text}\n")
    assert problem in found.problem
    assert not found.covers(1, "ACT401")


def test_a_good_word_beside_an_unknown_one_still_counts(tmp_path: Path) -> None:
    (found,) = read(tmp_path, "y = 1  # relume: ignore[ACT401, nope]\n")
    assert "unknown rule 'nope'" in found.problem
    assert found.covers(1, "ACT401")


def test_at_the_end_of_a_statement_it_speaks_for_the_whole(tmp_path: Path) -> None:
    text = "y = relu(\n    x,  # relume: ignore[ACT501]\n)  # relume: ignore[ACT401]\nz = 1\n"
    inside, ending = read(tmp_path, text)
    assert [line for line in range(5) if ending.covers(line, "ACT401")] == [1, 2, 3]
    assert [line for line in range(5) if inside.covers(line, "ACT501")] == [2]


def test_on_a_line_of_its_own_it_speaks_for_none(tmp_path: Path) -> None:
    (found,) = read(tmp_path, "# relume: ignore\ny = relu(x)\n")
    assert found.alone
    assert not any(found.covers(line, "ACT401") for line in range(4))


def test_a_file_that_cannot_be_read_is_no_error(tmp_path: Path) -> None:
    binary = tmp_path / "m.so"
    binary.write_bytes(b"\x7fELF\x00\xff relume: ignore")
    for file in ("", "<stdin>", "\0", "x" * 5000, str(tmp_path), str(binary), "/dev/zero"):
        assert ignore_comments(file, KNOWN) == ()


def test_a_file_broken_further_down_is_read_so_far(tmp_path: Path) -> None:
    found = read(tmp_path, "y = relu(x)  # relume: ignore[ACT401]\n(\n")
    assert [item.line for item in found] == [1]


def test_another_encoding_is_read_as_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "latin.py"
    path.write_bytes("# coding: latin-1\ny = 'é'  # relume: ignore[ACT401]: é\n".encode("latin-1"))
    (found,) = ignore_comments(str(path), KNOWN)
    assert (found.line, found.reason) == (2, "é")
