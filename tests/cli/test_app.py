"""The command line: what it accepts, what it refuses and with which words, what it exits with."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import relume
import relume.launch
from relume.cli import app
from relume.errors import UsageError
from relume.launch import LaunchResult

Result = tuple[int, str, str]
Relume = Callable[..., Result]


@pytest.fixture
def call(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Relume:
    """Calls `main` in an empty folder; returns exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def invoke(*args: str) -> Result:
        code = app.main(args)
        out, err = capfd.readouterr()
        return code, out, err

    return invoke


@pytest.fixture
def launches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """Replaces the launch; returns what it was asked for."""
    asked: list[dict[str, Any]] = []

    def fake(target: str, argv: list[str], **more: Any) -> LaunchResult:
        asked.append({"target": target, "argv": list(argv), **more})
        return LaunchResult(None, 0, "normal", ("nothing was recorded: a test.",))

    monkeypatch.setattr(relume.launch, "run", fake)
    (tmp_path / "train.py").write_text("print('trained')\n")
    return asked


BAD = {
    "no such option": (["rules", "--x"], "no such option: --x; see 'relume rules --help'."),
    "near option": (
        ["run", "--bugdet", "1", "train.py"],
        "no such option '--bugdet'; did you mean '--budget'?",
    ),
    "near command": (["diagnos"], "unknown command 'diagnos'; did you mean 'diagnose'?"),
    "script for command": (
        ["train.py"],
        "'train.py' is a script, not a command; did you mean 'relume run train.py'?",
    ),
    "no script": (["run"], "missing argument 'SCRIPT'; see 'relume run --help'."),
    "near script": (["run", "tain.py"], "unknown script 'tain.py'; did you mean 'train.py'?"),
    "near module": (
        ["run", "-m", "no_such_module_xyz"],
        "unknown module 'no_such_module_xyz'; ",
    ),
    "budget too large": (
        ["run", "--budget", "3", "train.py"],
        "--budget is '3'; it is a share of the wall time, above 0 and at most 1, such as 0.02.",
    ),
    "budget zero": (["run", "--budget", "0", "train.py"], "--budget is '0'; it is a share"),
    "budget nan": (["run", "--budget", "nan", "train.py"], "--budget is 'nan'; it is a share"),
    "budget a word": (["run", "--budget", "x", "train.py"], "--budget is 'x'; it is a share"),
    "every": (
        ["run", "--every", "0", "train.py"],
        "--every is '0'; it is a number of steps, such as 100.",
    ),
    "every a share": (["run", "--every", "0.5", "train.py"], "--every is '0.5'; it is a number"),
    "every infinite": (["run", "--every", "inf", "train.py"], "--every is 'inf'; it is a number"),
    "select": (
        ["run", "--select", "deed-units", "train.py"],
        "unknown rule 'deed-units'; did you mean 'dead-units'?",
    ),
    "ignore": (["diagnose", "--ignore", "ACT4,nope!"], "unknown rule 'nope!'; "),
    "all ignored": (
        ["run", "--select", "ACT4", "--ignore", "ACT", "train.py"],
        "--select and --ignore leave no rule to check; ignore fewer.",
    ),
    "format": (
        ["run", "--output-format", "jsn", "train.py"],
        "unknown output format 'jsn'; did you mean 'json'?",
    ),
    "output in no folder": (
        ["run", "-o", "no/where.json", "train.py"],
        "cannot write 'no/where.json': there is no folder 'no'.",
    ),
    "output is a folder": (
        ["run", "-o", ".", "train.py"],
        "cannot write '.': it is a folder; give a file in it.",
    ),
    "folder is a file": (
        ["run", "--dir", "train.py", "train.py"],
        "--dir is 'train.py', which is a file; give a folder.",
    ),
    "no run": (
        ["diagnose"],
        "no recorded run in .relume/; record one with `relume run SCRIPT`.",
    ),
    "no such run": (["diagnose", "brisk"], "no file 'brisk', and no recorded run in .relume/."),
    "not a run": (
        ["diagnose", "train.py"],
        "train.py is not a run that relume recorded (no SQLite file).",
    ),
    "explain": (["explain", "ACT4O1"], "unknown rule 'ACT4O1'; did you mean 'ACT401'?"),
    "demo": (["demo", "no-such-demo"], "unknown demo 'no-such-demo'; "),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_and_2(
    case: str, call: Relume, launches: list[dict[str, Any]]
) -> None:
    args, sentence = BAD[case]
    code, out, err = call(*args)
    assert code == 2
    assert out == ""
    assert err.startswith(f"relume: {sentence}")
    assert err.count("\n") == 1
    assert not launches  # refused before the script was run


@pytest.mark.parametrize(
    ("args", "target", "argv"),
    [
        (["train.py"], "train.py", []),
        (["train.py", "--epochs", "3", "-m", "x"], "train.py", ["--epochs", "3", "-m", "x"]),
        (["train.py", "--help"], "train.py", ["--help"]),
        (["train.py", "--", "--budget", "9"], "train.py", ["--", "--budget", "9"]),
        (["train.py", "", "*", "a b", "-é"], "train.py", ["", "*", "a b", "-é"]),
        (["--", "train.py", "--dir", "x"], "train.py", ["--dir", "x"]),
        (["-m", "json.tool", "--indent", "2"], "json.tool", ["--indent", "2"]),
        (["--every", "7", "-m", "json", "-m"], "json", ["-m"]),
    ],
)
def test_all_after_the_script_is_its_own(
    args: list[str], target: str, argv: list[str], call: Relume, launches: list[dict[str, Any]]
) -> None:
    code, out, _ = call("run", *args)
    assert (code, out) == (0, "")
    assert launches[0]["target"] == target
    assert launches[0]["argv"] == argv
    assert launches[0]["module"] == ("-m" in args[: args.index(target)])


def test_options_reach_the_launch(call: Relume, launches: list[dict[str, Any]]) -> None:
    call("run", "--budget", "0.02", "--dir", "kept", "train.py")
    call("run", "--every", "50", "train.py")
    assert launches[0]["budget"] == 0.02
    assert launches[0]["every"] is None
    assert launches[0]["folder"] == Path.cwd() / "kept"  # absolute: a script may change folders
    assert launches[1]["every"] == 50


def test_a_run_that_was_not_recorded_says_why_even_if_quiet(
    call: Relume, launches: list[dict[str, Any]]
) -> None:
    assert call("run", "--quiet", "train.py") == (0, "", "relume: nothing was recorded: a test.\n")


TRAINING = """\
import sys, torch
from torch import nn
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3), nn.Softmax(dim=1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x, y = torch.randn(64, 8), torch.randint(3, (64,))
for step in range(30):
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("trained", *sys.argv[1:])
if "--fail" in sys.argv:
    raise ValueError("theirs")
if "--exit" in sys.argv:
    sys.exit(7)
"""


def relume_process(*args: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """`python -m relume` in a process of its own."""
    source = str(Path(relume.__file__).parents[1])
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), "COLUMNS": "100", "PYTHONPATH": source}
    return subprocess.run(
        [sys.executable, "-m", "relume", *args],
        cwd=cwd,
        env={**clean, **environment},
        capture_output=True,
        check=False,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a script and its recorded run."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "train.py").write_text(TRAINING)
    done = relume_process("run", "-o", "r.json", "--output-format", "json", "train.py", cwd=folder)
    assert done.returncode == 1, done.stderr.decode()
    assert done.stdout == b"trained\n"
    assert b"softmax-before-cross-entropy" in done.stderr
    return folder


def test_a_script_that_fails_before_a_step_has_its_traceback_last(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import sys\nimport no_such_module\n")
    done = relume_process("run", "train.py", cwd=tmp_path)
    assert done.returncode == 1
    lines = done.stderr.decode().splitlines()
    assert lines[-2:] == [
        "ModuleNotFoundError: No module named 'no_such_module'",
        "relume: the script ended before a step was recorded; there is nothing to report.",
    ]
    done = relume_process("run", "--output-format", "json", "train.py", cwd=tmp_path)
    assert json.loads(done.stdout)["meta"]["ended"] == "exit 1"  # programs get it all


def test_the_json_file_holds_the_contract(trained: Path) -> None:
    report = json.loads((trained / "r.json").read_text("utf-8"))
    assert {"findings", "roots", "checked", "not_checked", "ok", "outcome"} <= report.keys()
    assert report["ok"] is False
    assert "ACT201" in {finding["code"] for finding in report["findings"]}


def test_a_scripts_own_failure_wins(trained: Path) -> None:
    exited = relume_process("run", "--dir", "x", "--exit-zero", "train.py", "--exit", cwd=trained)
    assert (exited.returncode, exited.stdout) == (7, b"trained --exit\n")
    failed = relume_process("run", "--dir", "x", "train.py", "--fail", cwd=trained)
    assert failed.returncode == 1
    assert b'train.py", line 14, in <module>' in failed.stderr
    assert b"relume/cli.py" not in failed.stderr
    assert b"ACT201" in failed.stderr


def test_exit_zero_and_quiet(trained: Path) -> None:
    done = relume_process("run", "--dir", "x", "--exit-zero", "--quiet", "train.py", cwd=trained)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"trained\n", b"")


def test_selection_reaches_the_rules(trained: Path, call: Relume, tmp_path: Path) -> None:
    kept = str(trained / ".relume")
    code, out, _ = call("diagnose", "--dir", kept, "--output-format", "json", "--select", "ACT4")
    report = json.loads(out)
    codes = {item["code"] for key in ("findings", "checked", "not_checked") for item in report[key]}
    assert code == 0
    assert codes
    assert all(found.startswith("ACT4") for found in codes)


def test_diagnose_tells_what_run_told(trained: Path, call: Relume, tmp_path: Path) -> None:
    kept = str(trained / ".relume")
    code, out, err = call("diagnose", "--dir", kept)
    assert (code, err) == (1, "")
    assert "✗ relume: 1 root cause" in out
    code, out, err = call("diagnose", "--dir", kept, "--output-format", "concise")
    assert "train.py:4:52: ACT201 softmax-before-cross-entropy: " in out
    assert all(line.count(": ACT") == 1 for line in out.splitlines())
    code, out, err = call("diagnose", "--dir", kept, "--exit-zero", "-o", "r.txt")
    assert (code, out) == (0, "")
    assert err == f"relume: the report is in {tmp_path / 'r.txt'}.\n"
    assert "✗ relume: 1 root cause" in (tmp_path / "r.txt").read_text("utf-8")


def test_runs_lists_them(trained: Path, call: Relume) -> None:
    (trained / ".relume" / "00000000-damaged.sqlite").write_text("no database")
    code, out, _ = call("runs", "--dir", str(trained / ".relume"))
    assert code == 0
    assert "train.py" in out
    assert "verdict" in out
    assert " 30 " in out
    assert "is not a run that relume recorded" in " ".join(out.split())
    (trained / ".relume" / "00000000-damaged.sqlite").unlink()


def test_no_runs_is_said(call: Relume) -> None:
    assert call("runs") == (
        0,
        "",
        "relume: no recorded run in .relume/; record one with: relume run SCRIPT\n",
    )


@pytest.mark.parametrize("broken", ["diagnose", "read"])
def test_a_failure_of_the_report_is_one_line(
    broken: str, trained: Path, call: Relume, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = next((trained / ".relume").glob("*.sqlite"))
    (Path.cwd() / "train.py").write_text("")

    def fake(*_: Any, **__: Any) -> LaunchResult:
        return LaunchResult(path, 5, "exit", ())

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("two\nlines")

    where = (
        "relume.diagnosis.diagnose" if broken == "diagnose" else "relume.record.store.run_file.read"
    )
    monkeypatch.setattr(relume.launch, "run", fake)
    monkeypatch.setattr(where, fail)
    assert call("run", "train.py") == (
        5,
        "",
        f"relume: the report failed (RuntimeError: two lines); the run is kept in {path}.\n",
    )


def test_a_usage_error_from_below_is_a_sentence(
    call: Relume, launches: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> LaunchResult:
        raise UsageError("no.")

    monkeypatch.setattr(relume.launch, "run", refuse)
    assert call("run", "train.py") == (2, "", "relume: no.\n")


def test_help_and_version(call: Relume) -> None:
    code, out, _ = call("--help")
    assert code == 0
    assert all(name in out for name in ("run", "diagnose", "explain", "rules", "runs", "demo"))
    assert call()[1].strip() == out.strip()
    assert call("--version") == (0, f"relume {relume.__version__}\n", "")
    words = " ".join(call("run", "--help")[1].split())
    assert "the script's own if it is not 0" in words
    assert "SCRIPT" in words


def test_explain_shows_the_page(call: Relume) -> None:
    for word in ("ACT401", "dead-units", "act401"):
        code, out, _ = call("explain", word)
        assert code == 0
        assert "ACT401 dead-units" in out
        assert "How it is measured" in out
        assert "##" not in out
    assert call("explain")[1] == call("rules")[1]
    several = call("explain", "ACT4")[1]
    assert "ACT401" in several
    assert "ACT403" in several
    assert "ACT201" not in several


def test_every_page_is_shown_in_ascii(trained: Path) -> None:
    from relume.report.rule_pages.pages import rules

    for page in rules():
        done = relume_process("explain", page.code, cwd=trained, PYTHONIOENCODING="ascii")
        assert done.returncode == 0, done.stderr
        assert done.stdout.isascii()


HEAVY = {"torch", "numpy", "scipy", "joblib", "jinja2", "libcst", "sqlite3", "relume.atlas.figure"}


@pytest.mark.parametrize(
    ("args", "never"),
    [
        (["--version"], HEAVY | {"rich.markdown", "relume.core"}),
        (["--help"], HEAVY | {"pydantic", "relume.core"}),
        (["fix", "--help"], HEAVY),
        (["compare", "--help"], HEAVY),
        (["report", "--help"], HEAVY),
        (["atlas", "--help"], HEAVY),
        (["explain", "dead-units"], HEAVY),
        (["explain"], HEAVY | {"rich.markdown"}),
        (["rules"], HEAVY | {"rich.markdown"}),
        (["demo"], {"torch", "numpy"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_quick_commands_import_nothing_heavy(
    args: list[str], never: set[str], tmp_path: Path
) -> None:
    code = (
        "import sys; from relume.cli.app import main; code = main(sys.argv[2:]); "
        "sys.exit(code or str(sorted(set(sys.argv[1].split()) & set(sys.modules)) or '') or 0)"
    )
    source = str(Path(relume.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code, " ".join(never), *args],
        capture_output=True,
        env={"PYTHONPATH": source, "PATH": "/usr/bin:/bin"},
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


def test_diagnose_does_not_import_torch(trained: Path) -> None:
    code = (
        "import sys; from relume.cli.app import main; main(['diagnose']); "
        "sys.exit('torch' if 'torch' in sys.modules else 0)"
    )
    source = str(Path(relume.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        env={"PYTHONPATH": source, "PATH": "/usr/bin:/bin"},
        cwd=trained,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


def test_a_reader_that_goes_away_is_no_error(trained: Path) -> None:
    source = str(Path(relume.__file__).parents[1])
    done = subprocess.run(
        f"'{sys.executable}' -m relume diagnose | head -n 1",
        shell=True,
        capture_output=True,
        env={"PYTHONPATH": source, "PATH": "/usr/bin:/bin"},
        cwd=trained,
        check=False,
    )
    assert done.stderr == b""


def test_demos_are_listed_and_run(
    call: Relume, launches: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"dying_relu": "Dying ReLU: a step too long kills [half] the units.\n\nMore."}
    monkeypatch.setattr(app, "pages", lambda package: known)
    code, out, _ = call("demo")
    assert code == 0
    assert "dying-relu  Dying ReLU: a step too long kills [half] the units." in out
    assert call("demo", "dyin-relu") == (
        2,
        "",
        "relume: unknown demo 'dyin-relu'; did you mean 'dying-relu'?\n",
    )
    code, out, err = call("demo", "dying-relu", "--dir", "kept")
    assert (code, out) == (0, "")
    assert "kills [half] the units." in err
    assert "dying_relu.py" in err
    assert "kept" in err
    assert launches[0]["target"].endswith("relume/demos/dying_relu.py")
    assert launches[0]["folder"] == Path.cwd() / "kept"


def test_a_reader_that_goes_away_does_not_change_the_scripts_exit_code(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import sys\nsys.exit(3)\n")
    command = f"'{sys.executable}' -m relume run train.py 2>&1 >/dev/null | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"{command}; echo ${{PIPESTATUS[0]}}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == "3"
    assert done.stderr == ""
