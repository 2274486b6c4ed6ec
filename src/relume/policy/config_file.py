"""Finds and reads `[tool.relume]` in the nearest pyproject.toml.

The standard library reads the file as data; pydantic is imported only where there is a table to
check, so that a run without configuration pays nothing for it.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from relume.errors import UsageError
from relume.policy.selectors import NamedRule
from relume.policy.settings import Config

NAME = "pyproject.toml"
TABLE = "[tool.relume]"


def read_config(
    known: Sequence[NamedRule],
    forms: Sequence[str],
    *,
    file: Path | None = None,
    isolated: bool = False,
    folder: Path | None = None,
) -> Config:
    """Read the configuration that holds in a folder.

    Args:
        known: all rules.
        forms: all output formats.
        file: read this one; it must have the table, or be a file of its own without `[tool]`.
        isolated: read no configuration.
        folder: search from it upwards; the working folder if None.

    Returns:
        The configuration, or an empty one where there is none.

    Raises:
        UsageError: a file that cannot be read, an unknown key, a wrong value, a rule that does
            not exist; one sentence with the file, the key and what was expected.
    """
    if isolated and file is not None:
        raise UsageError("--isolated reads no configuration and --config names one; give one.")
    if isolated:
        return Config()
    if file is not None:
        return _check(_read_named_file(file), file, known, forms)
    start = (folder or Path.cwd()).absolute()
    for place in (start, *start.parents):
        table = _find_table(place / NAME)
        if table is not None:
            return _check(table, place / NAME, known, forms)
    return Config()


def _find_table(path: Path) -> Mapping[str, Any] | None:
    """Read the table of a file on the way up; None where it has none."""
    try:
        if not path.is_file():
            return None
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None  # the user did not name this file, so that it cannot be read is no mistake
    try:
        return _table(tomllib.loads(text), path, whole=False)
    except tomllib.TOMLDecodeError as error:
        if TABLE.rstrip("]") not in text:
            return None  # broken, but without a table of relume
        raise UsageError(f"{path} is no valid TOML: {_one_line(error)}.") from None


def _read_named_file(path: Path) -> Mapping[str, Any]:
    """Read the table of a file that --config names."""
    try:
        data = tomllib.loads(path.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"--config is {str(path)!r}, and there is no such file.") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"cannot read {str(path)!r}: {_one_line(reason)}.") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no valid TOML: {_one_line(error)}.") from None
    table = _table(data, path, whole=path.name != NAME and "tool" not in data)
    if table is None:
        raise UsageError(f"{path} has no table {TABLE}; add one, or name another file.")
    return table


def _table(data: dict[str, Any], path: Path, *, whole: bool) -> Mapping[str, Any] | None:
    """Return the table of relume in a file's data; `whole`: the data are the table."""
    if whole:
        return data
    tool: Any = data.get("tool")
    if not isinstance(tool, dict) or "relume" not in tool:
        return None
    table: Any = cast("dict[str, Any]", tool)["relume"]
    if not isinstance(table, dict):
        raise UsageError(f"{path}: tool.relume is {table!r}; it is a table, written {TABLE}.")
    return cast("dict[str, Any]", table)


def _check(
    table: Mapping[str, Any], file: Path, known: Sequence[NamedRule], forms: Sequence[str]
) -> Config:
    from relume.policy.config_schema import check_table  # pydantic

    return check_table(table, file.absolute(), known, forms)


def _one_line(error: object) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    return text[:1].lower() + text[1:]
