"""Discovery by looking, and look-ups that know what was meant."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import relume
from relume.errors import RelumeError, UnknownNameError, UsageError
from relume.registry import discover, docstring, lookup, pages, unknown


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package of three files: two bind members, one imports a member of another."""
    package = tmp_path / "strange_room"
    package.mkdir()
    (package / "__init__.py").write_text('"""A room."""\n')
    (package / "beta.py").write_text('"""Beta\'s page."""\nfrom fractions import Fraction\n\n')
    with (package / "beta.py").open("a") as file:
        file.write("second = Fraction(2)\nagain = second\nother = 'no member'\n")
    (package / "alpha.py").write_text(
        '"""Alpha\'s page."""\nfrom fractions import Fraction\n\n'
        "from strange_room.beta import second\n\nfirst = Fraction(1)\n"
    )
    (package / "_own.py").write_text("raise ImportError('this is not asked')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "strange_room"
    for name in [name for name in sys.modules if name.startswith("strange_room")]:
        del sys.modules[name]


def test_discover_finds_each_member_once_in_the_order_of_files(room: str) -> None:
    from fractions import Fraction

    assert discover(room, Fraction) == (Fraction(2), Fraction(1))  # alpha.py binds beta's first
    assert discover(room, complex) == ()


def test_pages_reads_docstrings_and_imports_nothing(room: str) -> None:
    assert pages(room) == {"alpha": "Alpha's page.", "beta": "Beta's page."}
    assert f"{room}.beta" not in sys.modules


def test_discover_and_pages_agree_on_the_rules() -> None:
    from relume.core import Rule

    rules = discover("relume.rules", Rule)
    assert len(rules) >= 10
    assert {rule.name.replace("-", "_") for rule in rules} == set(pages("relume.rules"))


def test_lookup_returns_the_member() -> None:
    assert lookup("relu", {"relu": 1, "gelu": 2}, "act") == 1


@pytest.mark.parametrize(
    ("given", "names", "sentence"),
    [
        ("gleu", ["relu", "gelu"], "unknown act 'gleu'; did you mean 'gelu'?"),
        ("act401", ["ACT401", "ACT601"], "unknown act 'act401'; did you mean 'ACT401'?"),
        ("zzz", ["relu", "gelu"], "unknown act 'zzz'; known: gelu, relu."),
        ("zzz", [], "unknown act 'zzz'; known: none."),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(
    given: str, names: list[str], sentence: str
) -> None:
    assert unknown(given, names, "act") == sentence
    with pytest.raises(UnknownNameError) as caught:
        lookup(given, dict.fromkeys(names, 0), "act")
    assert str(caught.value) == sentence
    assert isinstance(caught.value, UsageError)
    assert isinstance(caught.value, RelumeError)


SOURCES = [
    '"""Plain, in one line."""\n',
    '# a comment\n\n"""In\n\n    two paragraphs.\n    """\nx = 1\n',
    'r"""Raw: \\d."""\n',
    '"""Escaped: \\u00d7."""\n',
    "'''Other quotes.'''\n",
    '"""No docstring""" + "but a sum"\n',
    '("""In brackets.""")\n',
    '"""""" \n',
    'x = 1\n"""Too late."""\n',
    "",
]


@pytest.mark.parametrize("source", SOURCES)
def test_a_docstring_is_what_the_parser_has(source: str) -> None:
    assert docstring(source) == (ast.get_docstring(ast.parse(source)) or "")


def test_our_own_docstrings_are_what_the_parser_has() -> None:
    home = Path(relume.__file__).parent
    for room in ("rules", "fixes", "demos", "atlas/lessons"):
        for file in (home / room).glob("*.py"):
            source = file.read_text("utf-8")
            assert docstring(source) == (ast.get_docstring(ast.parse(source)) or ""), file
