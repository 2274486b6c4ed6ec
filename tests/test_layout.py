"""Laws of the layout: a name occurs once, no import circle, every cited document exists, and the
code of a rule stands in the rules and on the ladders of fixes alone."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

import relume
from test_arrows import SOURCE, imports
from twice import ROOT

# What every framework's user imports under the same name.
SAME_NAME = {"RelumeCallback"}
# Plain scripts that people read and run on their own.
SCRIPTS = {"demos"}
# Circles that close only when something is called: a diagnosis or a run that a notebook shows draws
# itself, and the door of `trial` loads its engine when it is used.
LAZY = [
    {"relume.core.finding", "relume.report.notebook.cell"},
    {"relume.record.run", "relume.integrations.jupyter"},
    {"relume.trial", "relume.trial.api"},
]


def sources() -> dict[str, Path]:
    """Every module of the package by its dotted name, without plain scripts."""
    modules: dict[str, Path] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        if parts[0] not in SCRIPTS:
            name = ".".join(("relume", *parts)).removesuffix(".__init__")
            modules[name] = path
    return modules


def repeated(names: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """The names that occur at more than one place, with their places."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for name, place in names:
        places[name].append(place)
    return {name: where for name, where in places.items() if len(where) > 1}


def circles(arrows: Mapping[str, set[str]]) -> list[list[str]]:
    """The strongly connected parts of more than one module (Tarjan), each sorted."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    parts: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(arrows.get(name, ())):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            part = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(part) > 1:
                parts.append(sorted(part))

    for name in arrows:
        if name not in index:
            visit(name)
    return parts


def arrows_of(modules: Mapping[str, str], *, lazy: bool = False) -> dict[str, set[str]]:
    """Which module imports which: at once, or also when called. Annotations are no arrow."""
    arrows: dict[str, set[str]] = {name: set() for name in modules}
    for name, source in modules.items():
        for each in imports(source):
            if each.typing or (each.lazy and not lazy):
                continue
            for target in (each.module, *(f"{each.module}.{word}" for word in each.names)):
                if target in modules and target != name:
                    arrows[name].add(target)
    return arrows


def test_a_file_name_occurs_once() -> None:
    files = [(path.stem, str(path.relative_to(SOURCE))) for path in sources().values()]
    assert repeated(pair for pair in files if not pair[0].startswith("__")) == {}


def test_a_class_name_occurs_once() -> None:
    classes = [
        (node.name, str(path.relative_to(SOURCE)))
        for path in sources().values()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and node.name not in SAME_NAME
    ]
    assert repeated(classes) == {}


def test_no_import_circle() -> None:
    modules = {name: path.read_text("utf-8") for name, path in sources().items()}
    assert circles(arrows_of(modules)) == []
    closed = circles(arrows_of(modules, lazy=True))
    assert [part for part in closed if not any(known <= set(part) for known in LAZY)] == []


@pytest.mark.parametrize("folder", ["src", "tests", "docs", "benchmarks"])
def test_every_document_that_is_cited_exists(folder: str) -> None:
    missing = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".py", ".md", ".ts") and "node_modules" not in path.parts
        for name in cited(path.read_text("utf-8"))
        if not exists(name, path)
    ]
    assert missing == []


def test_codes_of_rules_stand_in_the_rules_and_on_ladders_alone() -> None:
    """Everywhere else a rule is asked by what it declares: its family, figure, needs."""
    assert [
        f"{name}: {code}"
        for name, path in sources().items()
        if not name.startswith("relume.rules.")
        for code in codes_in(path.read_text("utf-8"), ladders=name.startswith("relume.fixes."))
    ] == []


def codes_in(source: str, *, ladders: bool) -> list[str]:
    """The codes of rules among a file's strings; with `ladders` those inside of functions only.

    The ladder of a fix is its `RUNGS`, and the constants beside it that name rules of it.
    """
    tree = ast.parse(source)
    parts: list[ast.stmt] = list(tree.body)
    if ladders:
        parts = [part for part in parts if not isinstance(part, ast.Assign)]
    return [
        node.value
        for part in parts
        for node in ast.walk(part)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"ACT\d{1,3}", node.value)
    ]


def cited(text: str) -> set[str]:
    """Documents and files of the repository that a text names."""
    documents = re.findall(r"(?<![\w/.-])([A-Z]{4,}\.md|docs/[\w/.-]+\.md)\b", text)
    files = re.findall(r"`((?:src/relume/|tests/|benchmarks/|web/)[\w/]+\.py)`", text)
    return {*documents, *files}


def exists(name: str, path: Path) -> bool:
    # pages under docs/rules and the like are made when the documentation is built
    made = name.startswith(
        ("docs/rules/", "docs/fixes/", "docs/acts/", "docs/lessons/", "docs/stats.md")
    )
    return made or (ROOT / name).is_file() or (path.parent / name).is_file()


def test_every_room_says_what_it_is() -> None:
    """A room's `__init__` is its README: a page for a room, a few lines for a room within one."""
    short = []
    for path in sources().values():
        if path.name != "__init__.py" or path.parent == SOURCE:
            continue
        inner = len(path.relative_to(SOURCE).parts) > 2
        text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        if len(text.splitlines()) < (4 if inner else 12):
            short.append(str(path.relative_to(SOURCE)))
    assert short == []


def test_the_laws_can_fail() -> None:
    """Each law has a broken twin."""
    assert repeated([("a", "x"), ("b", "x"), ("a", "y")]) == {"a": ["x", "y"]}
    ring = {"relume.a": "from relume import b", "relume.b": "import relume.a", "relume.c": ""}
    assert circles(arrows_of(ring)) == [["relume.a", "relume.b"]]
    called = {"relume.a": "def f():\n    from relume import b", "relume.b": "import relume.a"}
    assert circles(arrows_of(called)) == []
    assert circles(arrows_of(called, lazy=True)) == [["relume.a", "relume.b"]]
    assert cited("see " + "RULES" + ".md 401 and `tests/no" + "where.py`")
    assert not exists("ABSENT" + ".md", ROOT / "src" / "x.py")
    assert exists("README.md", ROOT / "src" / "x.py")
    asked = 'RUNGS = {"ACT401": 1}\ndef f(code):\n    return code.startswith("ACT4")'
    assert codes_in(asked, ladders=True) == ["ACT4"]
    assert codes_in(asked, ladders=False) == ["ACT401", "ACT4"]
    assert codes_in('"""ACT401 in a text."""', ladders=False) == []
    assert relume.__file__
