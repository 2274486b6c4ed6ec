"""The public surface: few names, each documented, and nothing heavy behind the import."""

import inspect
import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import pytest

import relume
from relume.atlas.lesson import texts
from relume.report.rule_pages.pages import rules

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]
CHEAP = {  # exit code, and a word that the answer must hold
    "relume --help": (0, "explain"),
    "relume rules": (0, "ACT401"),
    "relume explain dead-units": (0, "How it is measured"),
    "relume runs": (0, ""),
    "relume acts": (0, "swish"),
    "relume card gelu": (0, "Hendrycks"),
    "relume card --compare relu,gelu,silu": (0, "Gain that keeps the signal"),
}
COSTLY = {"relume run train.py --epochs 3", "relume diagnose", "relume demo dying-relu"}
COSTLY |= {"pip install -c constraints.txt -e '.[patch]'"}
COSTLY |= {"relume fix train.py --epochs 3"}  # tests/cli/test_trial_commands.py runs its like
COSTLY |= {"relume compare train.py --acts relu,leaky_relu,gelu"}  # and its
COSTLY |= {"relume report", "relume live"}  # tests/cli/test_report_command.py
COSTLY |= {"relume atlas"}  # tests/cli/test_atlas_command.py
COSTLY |= {"relume export -o tables"}  # tests/record/store/test_export_tables.py
COSTLY |= {"relume check train.py:make_model --input 32x3x64x64"}  # test_check_command


def test_at_most_twenty_sorted_names() -> None:
    assert 10 <= len(relume.__all__) <= 20
    assert relume.__all__ == sorted(set(relume.__all__))


@pytest.mark.parametrize("name", relume.__all__)
def test_a_name_resolves_and_says_what_it_is(name: str) -> None:
    thing = getattr(relume, name)
    assert thing.__name__ == name
    text = inspect.getdoc(thing)
    assert text
    assert not text.startswith(f"{name}("), "a docstring that dataclass made is none"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'relume' has no attribute 'wotch'"):
        _ = relume.wotch


def test_dir_lists_the_public_names() -> None:
    assert set(relume.__all__) <= set(dir(relume))


def test_the_contract_of_the_design() -> None:
    watch = inspect.signature(relume.watch).parameters
    assert list(watch)[:1] == ["model"]
    keywords = {name: p.default for name, p in watch.items() if p.kind is p.KEYWORD_ONLY}
    assert keywords["budget"] == 0.01
    assert keywords["every"] is None
    diagnose = inspect.signature(relume.Run.diagnose).parameters
    assert {"select", "ignore"} <= set(diagnose)


def heavy_after(statement: str) -> str:
    report = "print(sorted({'torch', 'numpy', 'rich', 'scipy'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {statement}; {report}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_importing_relume_loads_nothing_heavy() -> None:
    assert heavy_after("import relume; relume.Severity; relume.RelumeError") == "[]"
    assert "numpy" in heavy_after("import numpy")  # the probe sees what there is


def test_it_is_typed_and_the_versions_agree() -> None:
    assert (files("relume") / "py.typed").is_file()
    assert relume.__version__ == version("relume")


def test_every_error_is_drawn_in_the_tree() -> None:
    from relume import errors

    drawn = errors.__doc__ or ""
    ours = [
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.RelumeError)
    ]
    assert len(ours) >= 5
    assert [name for name in ours if name not in drawn] == []


def ask(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command)[1:]
    return subprocess.run(
        [sys.executable, "-m", "relume", *words],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
        env={**os.environ, "RELUME_CACHE": str(folder / "cache")},
    )


def test_every_command_of_the_readme_is_known_here() -> None:
    ours = {line for line in COMMANDS if not line.startswith("make ")}
    assert ours == {*CHEAP, *COSTLY}


@pytest.mark.parametrize("command", CHEAP)
def test_a_cheap_command_of_the_readme_runs(command: str, tmp_path: Path) -> None:
    code, word = CHEAP[command]
    done = ask(command, tmp_path)
    assert (done.returncode, word in done.stdout) == (code, True), done.stderr


def test_the_readme_runs_a_script_as_it_says(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import sys\nprint(sys.argv[1:])\nsys.exit(7)\n")
    done = ask("relume run train.py --epochs 3", tmp_path)
    assert (done.returncode, done.stdout) == (7, "['--epochs', '3']\n"), done.stderr


def test_the_guide_lists_the_options_of_run_and_no_others(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "guide" / "run.md").read_text("utf-8")
    table = page.partition("\n| option")[2].partition("\n\n")[0]
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", table))
    there = set(re.findall(r"--[a-z][a-z-]+", ask("relume run --help", tmp_path).stdout))
    assert told == there - {"--help"}


def test_the_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = [line.split()[1] for line in COMMANDS if line.startswith("make ")]
    assert targets == ["demo", "test"]
    for target in [*targets, "help", "check", "cases", "bench", "clean"]:
        assert re.search(rf"^{target}:.*## \w", makefile, re.MULTILINE), target


def test_the_numbers_of_the_readme_are_those_of_the_package() -> None:
    words = "rules|activation functions|interactive lessons"
    counts = {name: count for count, name in re.findall(rf"(\d+)\s+({words})\b", README)}
    counted = {"rules": len(rules()), "activation functions": len(relume.list_acts())}
    counted["interactive lessons"] = len(texts())
    assert counts == {name: str(count) for name, count in counted.items()}


def test_the_pictures_of_the_readme_exist() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert len(pictures) == 3
    assert all((ROOT / path).is_file() for path in pictures)


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) < 120
