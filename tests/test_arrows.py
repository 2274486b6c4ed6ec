"""The arrows of docs/design.md: which room may import which, read from the source alone."""

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import relume

SOURCE = Path(relume.__file__).parent
GROUND = {"core", "errors", "registry"}  # every room stands on these
ARROWS = {
    "cli": {"launch", "report", "atlas", "trial", "fixes", "diagnosis", "cards", "record", "acts"}
    | {"rules", "demos", "policy", "checks", "supervise"},
    "__main__": {"cli"},
    "atlas": {"trial", "record", "cards", "acts"},
    "trial": {"fixes", "record", "launch", "diagnosis", "instrument", "checks"},
    "launch": {"record"},
    "supervise": {"launch", "record", "startup"},
    "startup": {"record", "trial"},
    "fixes": {"acts", "instrument"},
    "cards": {"acts"},
    "checks": {"record", "diagnosis", "acts", "instrument"},
    "record": {"acts", "instrument"},
    "acts": {"instrument"},
    "instrument": set[str](),
    "diagnosis": {"rules", "policy"},
    "policy": set[str](),
    "rules": set[str](),
    "report": {"policy"},
    "registry": set[str](),
    "errors": set[str](),
    "core": set[str](),
    "integrations": {"record"},
}
# `Run.diagnose()` is part of the contract, so `record` reaches up to the judge, but only when it
# is called: recording itself must not load the rules. A notebook asks a diagnosis for its HTML.
# A callback checks the names of rules early and tells what was found when the training has ended.
LAZY = {("record", "diagnosis"), ("core", "report")}
# `relume export` sends to a logger; a run as a cell's result is shown by integrations.jupyter.
LAZY |= {("integrations", "diagnosis"), ("integrations", "report")}
LAZY |= {("cli", "integrations"), ("record", "integrations")}
TORCH = {"instrument", "acts", "cards", "checks", "record", "fixes", "trial", "atlas"}
TORCH |= {"integrations"}
CORE_TYPES = {"numpy"}  # in core, for annotations only


@dataclass(frozen=True)
class Import:
    """One import: of which module, on which line, inside a function, for annotations only.

    `names` are what is taken from the module, which may be modules themselves.
    """

    module: str
    line: int
    lazy: bool
    typing: bool
    names: tuple[str, ...] = ()


def imports(source: str) -> list[Import]:
    """Every import of a module, `import_module("name")` with a literal name included."""
    found: list[Import] = []

    def visit(node: ast.AST, *, lazy: bool, typing: bool) -> None:
        line = getattr(node, "lineno", 0)
        words = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
        found.extend(Import(module, line, lazy, typing, tuple(words)) for module in named(node))
        lazy = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.body:
                visit(child, lazy=lazy, typing=True)
            for child in node.orelse:
                visit(child, lazy=lazy, typing=typing)
            return
        for child in ast.iter_child_nodes(node):
            visit(child, lazy=lazy, typing=typing)

    visit(ast.parse(source), lazy=False, typing=False)
    return found


def named(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        if node.level:
            return ["relume.(relative)"]  # the house writes absolute imports
        if node.module == "relume":
            return [home(alias.name) for alias in node.names]
        return [node.module or ""]
    if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        function = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
        name = function.id if isinstance(function, ast.Name) else function
        if name in ("import_module", "__import__"):
            return [str(node.args[0].value)]
    return []


def home(name: str) -> str:
    """Where `from relume import name` leads: a room, a public name's home, or the root."""
    if name in ARROWS:
        return f"relume.{name}"
    return relume._HOMES.get(name, "relume")


def breaches(room: str, source: str) -> list[str]:
    """What a file of `room` imports against docs/design.md, one sentence each."""
    if room not in ARROWS:
        return [f"{room} has no row in ARROWS"]
    wrong: list[str] = []
    for each in imports(source):
        top, _, rest = each.module.partition(".")
        target = rest.partition(".")[0]
        where = f"line {each.line}: {room} -> {each.module}"
        if top == "relume":
            lazily = (room, target) in LAZY and (each.lazy or each.typing)
            allowed = ARROWS[room] | GROUND | {room, ""}
            if target not in allowed and not lazily:
                wrong.append(where)
        elif top == "torch" and room not in TORCH:
            wrong.append(where)
        elif room in GROUND and top not in sys.stdlib_module_names | allowed_types(room, each):
            wrong.append(f"{where} is not the standard library")
    return wrong


def allowed_types(room: str, each: Import) -> set[str]:
    return CORE_TYPES if room == "core" and each.typing else set()


def files() -> list[Path]:
    ours = (path for path in sorted(SOURCE.rglob("*.py")) if path != SOURCE / "__init__.py")
    return [path for path in ours if path.relative_to(SOURCE).parts[0] != "demos"]


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_imports_only_what_stands_before_it(path: Path) -> None:
    assert breaches(room_of(path), path.read_text("utf-8")) == []


def test_the_files_are_really_read() -> None:
    rooms = {room_of(path) for path in files()}
    assert {"core", "errors", "registry", "rules", "report", "record", "acts", "cli"} <= rooms
    assert any(
        each.module.startswith("relume.acts")
        for path in files()
        if room_of(path) == "record"
        for each in imports(path.read_text("utf-8"))
    )


def test_the_ground_is_closed() -> None:
    """`errors` imports nothing of relume, `registry` only it, `core` both; a notebook's cell is
    asked for where a diagnosis is drawn."""
    for room, allowed in (
        ("errors", set[str]()),
        ("registry", {"relume.errors"}),
        ("core", {"relume.errors", "relume.registry", "relume.report.notebook.cell"}),
    ):
        targets = {
            each.module
            for path in files()
            if room_of(path) == room
            for each in imports(path.read_text("utf-8"))
            if each.module.startswith("relume") and not each.module.startswith("relume.core")
        }
        assert targets == allowed, room


def test_the_root_imports_nothing_of_ours_at_once() -> None:
    root = imports((SOURCE / "__init__.py").read_text("utf-8"))
    assert [e for e in root if e.module.startswith("relume") and not e.typing] == []


@pytest.mark.parametrize(
    ("room", "source", "breach"),
    [
        ("rules", "import torch", "line 1: rules -> torch"),
        ("rules", "def f():\n    from torch import nn", "line 2: rules -> torch"),
        ("rules", "from relume.record.run import Run", "line 1: rules -> relume.record.run"),
        ("rules", "from relume import watch", "line 1: rules -> relume.record.run"),
        ("rules", "from relume import acts", "line 1: rules -> relume.acts"),
        ("rules", "from ..record import run", "line 1: rules -> relume.(relative)"),
        (
            "report",
            "import relume.rules.dead.dead_units",
            "line 1: report -> relume.rules.dead.dead_units",
        ),
        ("report", "from relume.diagnosis import diagnose", "line 1: report -> relume.diagnosis"),
        ("diagnosis", "from relume.report import text", "line 1: diagnosis -> relume.report"),
        ("launch", "from relume.diagnosis import diagnose", "line 1: launch -> relume.diagnosis"),
        ("launch", "import torch.nn as nn", "line 1: launch -> torch.nn"),
        ("acts", "import importlib as i\ni.import_module('relume.record')", "line 2: acts -> "),
        ("record", "from relume.diagnosis import diagnose", "line 1: record -> relume.diagnosis"),
        ("instrument", "from relume.acts import act", "line 1: instrument -> relume.acts"),
        ("record", "def f():\n    import relume.report", "line 2: record -> relume.report"),
        ("core", "import numpy as np", "line 1: core -> numpy is not the standard library"),
        ("registry", "import rich", "line 1: registry -> rich is not the standard library"),
        ("helpers", "", "helpers has no row in ARROWS"),
    ],
)
def test_a_broken_twin_is_rejected(room: str, source: str, breach: str) -> None:
    found = breaches(room, source)
    assert len(found) == 1
    assert found[0].startswith(breach)


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("record", "def f():\n    from relume.diagnosis import diagnose"),
        ("record", "import torch\nfrom relume.acts import act\nfrom relume import __version__"),
        ("core", "if TYPE_CHECKING:\n    import numpy as np"),
        ("rules", "import numpy as np\nfrom relume.registry import lookup"),
        ("acts", "import torch\nfrom relume.instrument.private_names import missing"),
        ("report", "from relume.core import Diagnosis\nfrom relume.report import text"),
    ],
)
def test_a_sound_file_passes(room: str, source: str) -> None:
    assert breaches(room, source) == []
