"""A script under relume behaves as under `python`: compared with `python` itself."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from relume.launch import missing_script
from relume.record.store import run_file

TRAIN = """
import torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1))
optimizer = torch.optim.SGD(model.parameters(), 0.01)
for _ in range(12):
    loss = (model(torch.randn(16, 4)) - 1).square().mean()
    optimizer.zero_grad(); loss.backward(); optimizer.step()
    print(repr(loss.item()))
"""
LAUNCH = """
import sys
from pathlib import Path
from relume.launch import run
module = sys.argv[2] == "-m"
done = run(sys.argv[3], sys.argv[4:], module=module, folder=Path(sys.argv[1]))
sys.exit(done.code)
"""


def call(command: list[str], cwd: Path) -> tuple[int, str, str]:
    # The script's own warnings must not depend on how the tests are run.
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONWARNINGS", "PYTHONSAFEPATH")}
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, capture_output=True, text=True, check=False, env=env
    )
    return done.returncode, done.stdout, done.stderr


def both(
    tmp_path: Path, target: list[str], module: bool = False
) -> tuple[tuple[int, str, str], tuple[int, str, str]]:
    """(exit code, stdout, stderr) under python, and under relume."""
    work = tmp_path / "work"
    plain = call((["-m"] if module else []) + target, work)
    launcher = tmp_path / "launcher.py"
    launcher.write_text(LAUNCH)
    kind = "-m" if module else "-"
    recorded = call([str(launcher), str(tmp_path / "runs"), kind, *target], work)
    return plain, recorded


def written(tmp_path: Path, text: str, name: str = "train.py") -> str:
    path = tmp_path / "work" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return name


SHOWS = """
import sys, os
print(__name__, __file__, __package__, __spec__ is None, type(__loader__).__name__)
print(sys.argv, sys.path[0], os.getcwd())
print(sys.modules["__main__"].__dict__ is globals(), __builtins__.__name__)
"""


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(SHOWS, id="names, arguments and paths"),
        pytest.param(TRAIN, id="losses to the last bit"),
        pytest.param("import sys\nsys.exit(3)", id="sys.exit(3)"),
        pytest.param("import sys\nsys.exit('no data')", id="sys.exit with a message"),
        pytest.param("import sys\nsys.exit()", id="sys.exit()"),
        pytest.param("raise SystemExit(-1)", id="a negative exit code"),
        pytest.param("raise SystemExit(2.5)", id="an exit code that is no integer"),
        pytest.param("def f():\n    1 / 0\nf()\n", id="an exception"),
        pytest.param(TRAIN + "raise ValueError('late')", id="an exception after training"),
        pytest.param("x = = 1\n", id="a syntax error"),
        pytest.param("try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError from e\n",
                     id="a chained exception"),
        pytest.param("import helper_that_is_not_there\n", id="an import error"),
        pytest.param("raise KeyboardInterrupt\n", id="an interrupt"),
        pytest.param("print('ü', '\\u2713')", id="text that is not ASCII"),
        pytest.param("import warnings\nwarnings.warn('careful')\n", id="a warning"),
        pytest.param("import atexit\natexit.register(print, 'bye')\nprint('hi')\n", id="atexit"),
        pytest.param("import pickle\nclass A: pass\nprint(type(pickle.loads(pickle.dumps(A()))))",
                     id="pickling a class of the script's"),
        pytest.param("import torch\nx = torch.ones(2, requires_grad=True)\n(x * 1).backward()\n",
                     id="an error in backward"),
    ],
)  # fmt: skip
def test_it_behaves_as_under_python(text: str, tmp_path: Path) -> None:
    name = written(tmp_path, text)
    plain, recorded = both(tmp_path, [name, "--epochs", "3", "-m", "--help"])
    if "KeyboardInterrupt" in text:
        # python dies by the signal; a shell sees 130 either way
        assert (plain[0], recorded[0]) == (-signal.SIGINT, 128 + signal.SIGINT)
    else:
        assert recorded[0] == plain[0]
    assert recorded[1] == plain[1]
    assert recorded[2] == plain[2]


def test_the_comparison_sees_a_difference(tmp_path: Path) -> None:
    """The twin: a script that looks for relume is told apart."""
    name = written(tmp_path, "import sys\nprint('relume' in sys.modules)")
    plain, recorded = both(tmp_path, [name])
    assert plain[1] != recorded[1]


def test_modules_behave_as_under_python(tmp_path: Path) -> None:
    written(tmp_path, SHOWS, "pack/__main__.py")
    written(tmp_path, "", "pack/__init__.py")
    written(tmp_path, "", "pack/part.py")
    written(tmp_path, SHOWS + "from . import part\nprint(part.__name__)", "pack/tool.py")
    for target in ("pack", "pack.tool"):
        plain, recorded = both(tmp_path, [target, "a", "b"], module=True)
        assert recorded == plain


def test_what_was_recorded_when_it_failed_is_kept(tmp_path: Path) -> None:
    name = written(tmp_path, TRAIN + "raise ValueError('late')")
    both(tmp_path, [name])
    trace = run_file.read(run_file.find(None, tmp_path / "runs"))
    (end,) = trace.facts_of("end")
    assert end.data == {"how": "exception", "code": 1, "text": "ValueError: late"}
    assert trace.meta["steps"] == 12
    assert [site.name for site in trace.sites_of("act")] == ["1"]


def test_a_run_without_training_is_a_run(tmp_path: Path) -> None:
    both(tmp_path, [written(tmp_path, "print('hello')")])
    trace = run_file.read(run_file.find(None, tmp_path / "runs"))
    assert trace.meta["backwards"] == 0
    assert trace.sites == ()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_script_leaves_what_it_had(tmp_path: Path) -> None:
    endless = TRAIN.replace("range(12)", "range(10**9)").replace(
        ".item()))", ".item()), flush=True)"
    )
    name = written(tmp_path, endless)
    name = str(tmp_path / "work" / name)
    launcher = tmp_path / "launcher.py"
    launcher.write_text(LAUNCH)
    process = subprocess.Popen(
        [sys.executable, str(launcher), str(tmp_path / "runs"), "-", name],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        for _ in range(300):
            assert process.stdout.readline()
        process.kill()
        process.wait()
    time.sleep(0)
    trace = run_file.read(run_file.find(None, tmp_path / "runs"))
    series = trace.series("1", "silent_unit_share")
    assert series is not None
    assert len(series) >= 16
    assert trace.facts_of("end") == ()  # nobody was left to write it


def test_missing_targets_are_met_with_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "work" / written(tmp_path, "")
    assert missing_script(str(path), False) is None
    found = missing_script(str(path.with_name("trian.py")), False)
    assert found is not None
    assert re.search(r"unknown script '.*trian\.py'; did you mean '.*train\.py'\?", found)
    assert "a folder without a __main__.py" in str(missing_script(str(path.parent), False))
    assert missing_script("json.tool", True) is None
    assert "did you mean 'torch'" in str(missing_script("torhc", True))
