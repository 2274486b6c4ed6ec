"""The fixture `relume_check`: which tests it fails, what they show, what it costs the others."""

import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from relume.checks import pytest_plugin
from relume.errors import UnknownNameError

pytest_plugins = ["pytester"]

SUITE = """
import sys
import pytest

def test_nothing_heavy_is_loaded_before_it_is_asked(relume_check):
    assert not {"torch", "numpy", "relume.core"} & set(sys.modules)

def nets():
    import torch
    from torch import nn
    torch.manual_seed(0)
    batch = torch.randn(32, 4), torch.arange(32) % 3
    sound = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    return sound, nn.Sequential(*sound, nn.Softmax(dim=1)), batch, nn.CrossEntropyLoss()

def test_sound(relume_check):
    sound, _, batch, loss = nets()
    assert relume_check(sound, batch, loss).ok

def test_sound_by_name(relume_check):
    sound, _, (x, y), loss = nets()
    assert relume_check(sound, x, criterion=loss, target=y, fail_on="note").ok

def test_twice(relume_check):
    _, twice, batch, loss = nets()
    relume_check(twice, batch, loss)  # the line that fails

def test_twice_but_not_asked(relume_check):
    _, twice, batch, loss = nets()
    assert relume_check(twice, batch, loss, ignore=["ACT201"]).ok

def test_a_warning_is_no_error(relume_check):
    from torch import nn
    _, _, (x, _), _ = nets()
    straight = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    found = relume_check(straight, x, fail_on="error")
    assert [f.code for f in found.findings if f.severity >= 2] == ["ACT101"]
    with pytest.raises(pytest.fail.Exception, match="missing-nonlinearity"):
        relume_check(straight, x)
"""


def run(pytester: pytest.Pytester, *words: str) -> pytest.RunResult:
    """pytest with the fixture named, since the entry point is seen after an installation only."""
    return pytester.runpytest_subprocess("-p", "relume.checks.pytest_plugin", *words)


@pytest.fixture(autouse=True)
def only_what_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # else it may be there twice


def test_it_fails_what_relume_finds_and_nothing_else(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SUITE)
    done = run(pytester)
    done.assert_outcomes(passed=5, failed=1)
    shown = done.stdout.str()
    assert "relume_check(twice, batch, loss)  # the line that fails" in shown
    assert "softmax-before-cross-entropy" in shown
    assert "raise_if" not in shown  # our frames stay out of it


def test_the_fixture_is_told_with_what_it_takes(pytester: pytest.Pytester) -> None:
    done = run(pytester, "--fixtures")
    done.stdout.fnmatch_lines(["relume_check*", "*Fail the test where*"])


def test_a_wrong_severity_is_said_before_the_model_runs() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'warning'"):
        pytest_plugin.check_or_fail(None, None, fail_on="warnings")


def test_the_entry_point_leads_to_it() -> None:
    project = tomllib.loads(Path(__file__).parents[2].joinpath("pyproject.toml").read_text())
    (home,) = project["project"]["entry-points"]["pytest11"].values()
    assert import_module(home) is pytest_plugin
