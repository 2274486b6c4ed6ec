"""`[tool.relume]`: where it is found, what it may say, and with which words it is refused."""

from pathlib import Path

import pytest

from relume.core import Rule
from relume.errors import UsageError
from relume.policy.config_file import read_config
from relume.policy.settings import Config

FORMS = ("full", "concise", "json")
WHOLE = """
[tool.relume]
select = ["ACT4", "saturated-units"]
ignore = ["ACT404"]
fail-on = "error"
output-format = "concise"
budget = 0.02
baseline = "known.json"
dir = "runs"

[[tool.relume.per-site-ignores]]
site = "encoder.*"
codes = ["dead-units"]
reason = "sparse by design"
"""


def rule(code: str, name: str) -> Rule:
    return Rule(code, name, "", lambda trace: iter(()))


KNOWN = [rule("ACT401", "dead-units"), rule("ACT404", "sparse"), rule("ACT501", "saturated-units")]


def read(folder: Path, text: str = "", **more: object) -> Config:
    if text:
        (folder / "pyproject.toml").write_text(text, "utf-8")
    return read_config(KNOWN, FORMS, folder=folder, **more)  # type: ignore[arg-type]


def test_every_key_is_read(tmp_path: Path) -> None:
    config = read(tmp_path, WHOLE)
    assert config.file == tmp_path / "pyproject.toml"
    assert config.select == ("ACT401", "ACT404", "ACT501")
    assert config.ignore == ("ACT404",)
    assert (config.fail_on, config.output_format, config.budget) == ("error", "concise", 0.02)
    assert (config.baseline, config.dir) == (tmp_path / "known.json", tmp_path / "runs")
    (ignore,) = config.site_ignores
    assert (ignore.site, ignore.codes) == ("encoder.*", {"ACT401"})
    assert ignore.reason == "sparse by design"


def test_the_nearest_file_with_a_table_holds(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(WHOLE)
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\nname = 'x'\n")  # has no table
    assert read(below).file == tmp_path / "pyproject.toml"
    assert read(below, "[tool.relume]\nbudget = 0.5\n").budget == 0.5


def test_nothing_is_read_where_nothing_is_or_nothing_shall_be(tmp_path: Path) -> None:
    assert read(tmp_path) == Config()
    assert read(tmp_path, WHOLE, isolated=True) == Config()


@pytest.mark.parametrize("text", ["[project", "\xff", "x = 1\n"])
def test_a_file_that_nobody_named_and_that_is_not_ours_is_passed_over(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "pyproject.toml").write_bytes(text.encode("latin-1"))
    assert read(tmp_path) == Config()


def test_a_file_of_its_own_needs_no_table(tmp_path: Path) -> None:
    path = tmp_path / "relume.toml"
    path.write_text('fail-on = "note"\n')
    assert read(tmp_path, file=path).fail_on == "note"
    path.write_text('[tool.relume]\nfail-on = "error"\n')
    assert read(tmp_path, file=path).fail_on == "error"


LIST = 'it must be a list of codes, prefixes or names, such as ["ACT4", "dead-units"].'
WRONG = {
    'slect = ["ACT4"]': "unknown key 'slect'; did you mean 'select'?",
    "zzz = 1": "unknown key 'zzz'; the nearest of ",
    'select = "ACT4"': f"select is 'ACT4'; {LIST}",
    "ignore = [4]": f"ignore is 4; {LIST}",
    'ignore = ["ACT4O1"]': "ignore: unknown rule 'ACT4O1'; did you mean 'ACT401'?",
    'fail-on = "eror"': "fail-on: unknown severity 'eror'; did you mean 'error'?",
    'fail-on = "fact"': "fail-on: unknown severity 'fact'; ",
    "fail-on = 2": 'fail-on is 2; it must be "note", "warning" or "error", with',
    'output-format = "jsn"': "output-format: unknown output format 'jsn'; did you mean 'json'?",
    "budget = 2.0": "budget is 2.0; it must be a share of the wall time, above 0 and at most 1",
    "budget = true": "budget is true; it must be a share",
    'budget = "0.1"': "budget is '0.1'; it must be a share",
    'dir = ""': "dir is ''; it must be a path",
    "per-site-ignores = 3": "per-site-ignores is 3; it must be tables [[tool.relume.per-site",
    '[[tool.relume.per-site-ignores]]\nsite = "a"\ncodes = ["ACT4"]': (
        "per-site-ignores 1, reason is missing; it must be a text that says why."
    ),
    '[[tool.relume.per-site-ignores]]\nsite = "a"\ncodes = ["ACT4"]\nreason = " "': (
        "per-site-ignores 1, reason is ' '; it must be a text that says why."
    ),
    '[[tool.relume.per-site-ignores]]\nsit = "a"\nsite = "b"\ncodes = ["ACT4"]\nreason = "c"': (
        "per-site-ignores 1, unknown key 'sit'; did you mean 'site'?"
    ),
    '[[tool.relume.per-site-ignores]]\nsite = "a"\ncodes = ["ACTX"]\nreason = "c"': (
        "per-site-ignores 1, codes: unknown rule 'ACTX'; "
    ),
    '[[tool.relume.per-site-ignores]]\nsite = "a"\ncodes = []\nreason = "c"': (
        "per-site-ignores 1, codes is []; it must be a list"
    ),
}


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_word_is_one_sentence_with_file_key_and_what_was_expected(
    tmp_path: Path, line: str
) -> None:
    with pytest.raises(UsageError) as raised:
        read(tmp_path, f"[tool.relume]\n{line}\n")
    told = str(raised.value)
    assert told.startswith(f"{tmp_path / 'pyproject.toml'}: {WRONG[line]}")
    assert "\n" not in told
    assert "pydantic" not in told


def test_broken_toml_with_a_table_of_ours_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"pyproject\.toml is no valid TOML: .*end of doc"):
        read(tmp_path, "[tool.relume]\nselect = [\n")


def test_relume_that_is_no_table_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"tool\.relume is 3; it is a table"):
        read(tmp_path, "[tool]\nrelume = 3\n")


def test_what_config_names_must_be_there_and_ours(tmp_path: Path) -> None:
    path = tmp_path / "pyproject.toml"
    with pytest.raises(UsageError, match="there is no such file"):
        read(tmp_path, file=path)
    path.write_text("[project]\n")
    with pytest.raises(UsageError, match=r"has no table \[tool\.relume\]"):
        read(tmp_path, file=path)
    path.write_bytes(b"\xff")
    with pytest.raises(UsageError, match="it is not UTF-8"):
        read(tmp_path, file=path)
    with pytest.raises(UsageError, match="--isolated reads no configuration"):
        read(tmp_path, file=path, isolated=True)
