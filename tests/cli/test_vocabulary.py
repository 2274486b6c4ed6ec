"""One vocabulary: an option means one thing in every command, and has its twin in Python."""

import inspect
import json
from collections import defaultdict
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer

import relume
from relume.cli.app import app, main
from relume.trial.api import Conditions

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
SAYS = {"run", "diagnose", "check", "demo", "fix", "prove", "compare", "recommend"}
SAYS |= {"card", "acts", "rules", "explain", "runs"}
"""The commands that tell something; the others make a file, a page or a server."""
RUNS = {"run", "diagnose", "report", "live", "runs", "combine", "export", "fix", "compare"}


def flags(command: str) -> dict[str, Any]:
    options = [p for p in COMMANDS[command].params if p.param_type_name == "option"]
    return {flag: option for option in options for flag in option.opts}


def test_every_command_that_says_something_says_it_as_json() -> None:
    made = {name for name in COMMANDS if "--output-format" in flags(name)}
    assert made == SAYS
    assert all("json" in (flags(name)["--output-format"].metavar or "") for name in SAYS)


def test_every_command_on_recordings_takes_their_folder() -> None:
    assert {name for name in RUNS if "--dir" not in flags(name)} == set()


def test_a_flag_is_one_thing_everywhere() -> None:
    """The same flag fills the same parameter, and takes a value everywhere or nowhere."""
    kinds: defaultdict[str, set[tuple[str, bool]]] = defaultdict(set)
    for name in COMMANDS:
        for flag, option in flags(name).items():
            kinds[flag].add((option.name, bool(option.is_flag)))
    del kinds["-o"], kinds["--output"]  # a file, or the folder of several
    assert {flag: found for flag, found in kinds.items() if len(found) > 1} == {}


@pytest.mark.parametrize(
    ("command", "function", "pairs"),
    [
        ("run", relume.watch, {"budget": "--budget", "every": "--every", "exact": "--exact"}),
        ("run", relume.watch, {"sink": "--sink", "dir": "--dir"}),
        ("diagnose", relume.Run.diagnose, {"select": "--select", "ignore": "--ignore"}),
        ("check", relume.check, {"select": "--select", "probe": "--probe"}),
        ("card", relume.card, {"fresh": "--fresh", "timing": "--timing", "width": "--width"}),
    ],
)
def test_a_keyword_is_the_option(command: str, function: Any, pairs: dict[str, str]) -> None:
    keywords = inspect.signature(function).parameters
    assert pairs.keys() <= keywords.keys()
    assert set(pairs.values()) <= flags(command).keys()
    assert all(flag == f"--{keyword}" for keyword, flag in pairs.items())


def test_the_conditions_of_a_trial_are_its_options() -> None:
    others = {"argv", "where"}  # the words after SCRIPT; --backend, --address and -j in one
    names = {field.name for field in fields(Conditions)} - others
    assert {f"--{name}" for name in names} <= flags("compare").keys()


def test_lists_are_data_too(tmp_path: Path, capsys: Any) -> None:
    assert main(["runs", "--dir", str(tmp_path), "--output-format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    (tmp_path / "20261201-torn.sqlite").write_bytes(b"no recording")
    assert main(["runs", "--dir", str(tmp_path), "--output-format", "json"]) == 0
    (torn,) = json.loads(capsys.readouterr().out)
    assert (torn["run"], torn["verdict"]) == ("20261201-torn", None)
    assert torn["problem"]
    assert main(["acts", "*elu", "--output-format", "json"]) == 0
    assert "gelu" in {act["name"] for act in json.loads(capsys.readouterr().out)}
    assert main(["explain", "ACT601", "--output-format", "json"]) == 0
    (page,) = json.loads(capsys.readouterr().out)
    assert page["name"] == "vanishing-gradient"
    assert "## What it does" in page["text"]
    for command in ("runs", "acts", "explain", "rules"):
        assert main([command, "--output-format", "xml"]) == 2
        assert "output format" in capsys.readouterr().err
